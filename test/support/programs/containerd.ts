// Debian's containerd on a private socket and root: it pulls into its content store, and runs nothing.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type PulledByCri, pullByCri } from './cri-image-service.ts';
import { withFolderAt } from './private-folder.ts';
import { type Exit, runProgram, startProgram } from './program.ts';
import { type ScratchFolder, scratchFolder } from './scratch-folder.ts';
import { until } from './until.ts';

export interface Containerd extends AsyncDisposable {
  ctr(...args: readonly string[]): Promise<Exit>;
  /** Pulls with the `hosts.toml` that there are. */
  pull(image: string): Promise<Exit>;
}

/** With the plugin through which Kubernetes pulls. */
export interface KubernetesContainerd extends Containerd {
  readonly socket: string;
  pullByCri(image: string): Promise<PulledByCri>;
}

/**
 * A fresh daemon that is ready. `hosts` are its hosts.toml, by the registry that each is for (`docker.io`, or `_default`).
 * Disposing it ends it and removes what it has.
 */
export async function startContainerd(hosts: Readonly<Record<string, string>>): Promise<Containerd> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('containerd'));
  const at = (...names: readonly string[]) => path.join(folder.path, ...names);
  for (const [registry, toml] of Object.entries(hosts)) {
    await mkdir(at('hosts', registry), { recursive: true });
    await writeFile(at('hosts', registry, 'hosts.toml'), toml);
  }
  // Kubernetes' plugin would look for a network.
  await writeFile(at('config.toml'), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const daemon = started.use(await startAt(folder, 'containerd', ['--config', at('config.toml')], at('hosts')));
  const running = started.move();
  return { ...daemon, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The same with all that is in `/etc/containerd`, for which another folder is put there. */
export async function startContainerdOf(etc: string): Promise<KubernetesContainerd> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('containerd'));
  const [command, ...args] = withFolderAt(etc, '/etc/containerd', 'containerd');
  const daemon = started.use(await startAt(folder, command, args, path.join(etc, 'certs.d')));
  const running = started.move();
  return {
    ...daemon,
    socket: socketIn(folder),
    pullByCri: (image) => pullByCri(socketIn(folder), image),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startAt(
  folder: ScratchFolder,
  command: string,
  args: readonly string[],
  hosts: string,
): Promise<Containerd> {
  await using started = new AsyncDisposableStack();
  const at = (name: string) => path.join(folder.path, name);
  const socket = socketIn(folder);
  const places = ['--address', socket, '--root', at('root'), '--state', at('state')];
  const daemon = started.use(await startProgram(command, [...args, ...places]));
  const ctr = (...args: readonly string[]) => runProgram('ctr', ['--address', socket, ...args]);
  let ended: Exit | undefined;
  void daemon.exited.then((exit) => (ended = exit));
  await until(async () => ended !== undefined || (await ctr('version')).code === 0);
  if (ended !== undefined) throw new Error(`containerd ended with ${ended.code}: ${ended.stderr.slice(-2000)}`);
  const running = started.move();
  return {
    ctr,
    pull: (image) => ctr('image', 'pull', '--hosts-dir', hosts, '--snapshotter', 'native', image),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function socketIn(folder: ScratchFolder): string {
  return path.join(folder.path, 'containerd.sock');
}
