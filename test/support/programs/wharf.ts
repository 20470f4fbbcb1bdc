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
  readonly dataFolder: string;
  configure(yaml: string): Promise<void>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>, stderrFile?: string): Promise<RunningProgram>;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Exit>;
}

/** What takes the place of Docker Hub, and what else the configuration says. */
export interface WharfConfig {
  readonly registryUrl: string;
  readonly apiUrl: string;
  readonly mirrors?: readonly MirrorSettings[] | undefined;
  /** The data folder, if it is to be outside of the working folder. */
  readonly data?: string | undefined;
}

/** As wharf.yaml has them. */
export interface MirrorSettings {
  readonly url: string;
  readonly for?: readonly ('manifests' | 'blobs')[] | undefined;
}

export async function openWharf(config?: WharfConfig): Promise<Wharf> {
  const folder = await scratchFolder('run');
  const configure = (yaml: string) => writeFile(path.join(folder.path, 'wharf.yaml'), yaml);
  const start: Wharf['start'] = (args, env = {}, stderrFile) =>
    startProgram(WHARF, args, {
      cwd: folder.path,
      env: { PATH: pathWithThisNode(), HOME: folder.path, ...env },
      stderrFile,
    });
  if (config !== undefined) await configure(yamlOf(config));
  return {
    folder: folder.path,
    dataFolder: path.resolve(folder.path, config?.data ?? 'data'),
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

// YAML takes JSON as it is.
function yamlOf({ registryUrl, apiUrl, mirrors = [], data = './data' }: WharfConfig): string {
  return JSON.stringify({ upstreams: { 'docker.io': { url: registryUrl, hubApi: apiUrl, mirrors } }, data });
}
