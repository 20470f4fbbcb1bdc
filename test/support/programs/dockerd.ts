// Debian's docker daemon on a private socket and data root, without a bridge: it pulls and pushes, and runs nothing.
import path from 'node:path';
import { type Exit, runProgram, startProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';
import { until } from './until.ts';

export interface DockerdOptions {
  /** URLs that it asks for what is docker.io's before docker.io. */
  readonly registryMirrors?: readonly string[] | undefined;
  /** Its daemon.json, instead of that of the machine. */
  readonly configFile?: string | undefined;
}

export interface Dockerd extends AsyncDisposable {
  readonly pid: number;
  /** As DOCKER_HOST has it. */
  readonly host: string;
  /** Of the containerd that it brings along. */
  readonly containerdSocket: string;
  docker(...args: readonly string[]): Promise<Exit>;
  /** What `systemctl reload docker` does. It does not wait until that is done. */
  reload(): void;
}

/** Why there is none; `undefined` when there can be. */
export function whyNoDockerd(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'dockerd needs root';
}

/** A fresh daemon that is ready. Disposing it ends it and removes what it has. */
export async function startDockerd({ registryMirrors = [], configFile }: DockerdOptions = {}): Promise<Dockerd> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('dockerd'));
  const at = (name: string) => path.join(folder.path, name);
  const host = `unix://${at('docker.sock')}`;
  const roots = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')];
  const mirrors = registryMirrors.map((url) => `--registry-mirror=${url}`);
  const config = configFile === undefined ? [] : ['--config-file', configFile];
  const flags = ['--iptables=false', '--bridge=none', '--host', host, ...roots, ...mirrors, ...config];
  const daemon = started.use(await startProgram('dockerd', flags));
  const docker = (...args: readonly string[]) => runProgram('docker', ['--host', host, ...args]);
  let ended: Exit | undefined;
  void daemon.exited.then((exit) => (ended = exit));
  await until(async () => ended !== undefined || (await docker('version')).code === 0);
  if (ended !== undefined) throw new Error(`dockerd ended with ${ended.code}: ${ended.stderr.slice(-2000)}`);
  const running = started.move();
  return {
    pid: daemon.pid,
    host,
    containerdSocket: at('exec/containerd/containerd.sock'),
    docker,
    reload: () => daemon.kill('SIGHUP'),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      // Containers in the network of the machine leave this mounted, where there were any.
      await runProgram('umount', [at('exec/netns/default')]);
      await running.disposeAsync();
    },
  };
}
