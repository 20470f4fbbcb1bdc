// The program as a person starts it, with a home and a working folder of its own: no login or setting of this machine
// reaches it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Exit, type RunningProgram, startProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';

export const WHARF = path.join(import.meta.dirname, '../../../bin/wharf');

export interface Wharf extends AsyncDisposable {
  /** Where it runs; `wharf.yaml` here is its configuration. */
  readonly folder: string;
  configure(yaml: string): Promise<void>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunningProgram>;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Exit>;
}

/** `upstream` takes the place of Docker Hub. */
export async function openWharf(upstream?: { registryUrl: string; apiUrl: string }): Promise<Wharf> {
  const folder = await scratchFolder('run');
  const configure = (yaml: string) => writeFile(path.join(folder.path, 'wharf.yaml'), yaml);
  const start: Wharf['start'] = (args, env = {}) =>
    startProgram(WHARF, args, { cwd: folder.path, env: { PATH: pathWithThisNode(), HOME: folder.path, ...env } });
  if (upstream !== undefined) await configure(upstreamYaml(upstream));
  return {
    folder: folder.path,
    configure,
    start,
    run: async (args, env) => await (await start(args, env)).exited,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

// Its first line asks for `node`, with flags of its own.
function pathWithThisNode(): string {
  return [path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter);
}

/** The part of a configuration that puts another upstream in the place of Docker Hub. */
function upstreamYaml({ registryUrl, apiUrl }: { registryUrl: string; apiUrl: string }): string {
  return `upstreams: { docker.io: { url: "${registryUrl}", hubApi: "${apiUrl}" } }\ndata: ./data\n`;
}
