// podman with a store and a registries.conf of its own.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Exit, runProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface Podman extends AsyncDisposable {
  podman(...args: readonly string[]): Promise<Exit>;
}

/** With an empty store. Disposing it removes what it has. */
export async function openPodman(registriesConf: string): Promise<Podman> {
  const folder = await scratchFolder('podman');
  const at = (name: string) => path.join(folder.path, name);
  await writeFile(at('registries.conf'), registriesConf);
  const roots = ['--root', at('root'), '--runroot', at('runroot'), '--storage-driver', 'vfs'];
  const env = { CONTAINERS_REGISTRIES_CONF: at('registries.conf') };
  return {
    podman: (...args) => runProgram('podman', [...roots, ...args], { env }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
