// The ways to bring the same images into a fresh docker-registry, each measured the same way.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startDockerRegistry } from '../test/support/programs/docker-registry.ts';
import { type HubProcess, type HubProcessOptions, startHubProcess } from '../test/support/programs/hub-process.ts';
import { type RunningProgram, startProgram } from '../test/support/programs/program.ts';
import { scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import { pushBare } from './bare-pusher.ts';
import type { PreparedImage } from './prepared-images.ts';
import { usageOf, watchUsage } from './process-usage.ts';

export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** What the registry itself used. */
  readonly registryCpuSeconds: number;
  readonly peakBytes?: number | undefined;
  /** Requests that Docker Hub would count. */
  readonly manifestGets?: number | undefined;
}

/** More connections than this make docker-registry slower, fewer leave it idle; on two cores it hardly matters. */
const BARE_CONNECTIONS = 16;

export async function runBare(images: readonly PreparedImage[]): Promise<Measured> {
  await using registry = await startDockerRegistry();
  const { seconds, cpuSeconds } = await pushBare(images, registry.host, BARE_CONNECTIONS);
  return { seconds, cpuSeconds, registryCpuSeconds: usageOf(registry.pid).cpuSeconds };
}

export async function runWharf(options: HubProcessOptions): Promise<Measured> {
  await using hub = await startHubProcess(options);
  await using wharf = await openWharf(hub);
  const include = (options.repositories ?? []).flatMap((name) => ['--include', name]);
  const catalog = ['--catalog', `official-images:${options.library}`];
  return await measure(hub, (registry) => wharf.start(['sync', ...catalog, ...include, '--json', '--to', registry]));
}

export async function runSkopeo(options: HubProcessOptions): Promise<Measured> {
  await using hub = await startHubProcess(options);
  await using folder = await scratchFolder('skopeo');
  const list = path.join(folder.path, 'images.yaml');
  const byRepository = Map.groupBy(await hub.expected(), ({ repository }) => repository);
  const images = [...byRepository].map(([repository, tags]) => [repository, tags.map(({ tag }) => tag)] as const);
  const source = { 'tls-verify': false, images: Object.fromEntries(images) };
  await writeFile(list, JSON.stringify({ [new URL(hub.registryUrl).host]: source }));
  const args = ['sync', '--all', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false', list];
  return await measure(hub, (registry) => startProgram('skopeo', [...args, new URL(registry).host]));
}

// The hub has built all images before the clock starts.
async function measure(hub: HubProcess, start: (registryUrl: string) => Promise<RunningProgram>): Promise<Measured> {
  await hub.expected();
  await using registry = await startDockerRegistry();
  const startedMs = performance.now();
  const program = await start(registry.url);
  const usage = await watchUsage(program);
  const seconds = (performance.now() - startedMs) / 1000;
  const { code, stdout, stderr } = await program.exited;
  if (code !== 0)
    throw new Error(`the program under measurement ended with ${code}: ${stderr}${stdout}`.slice(0, 4000));
  const registryCpuSeconds = usageOf(registry.pid).cpuSeconds;
  return { ...usage, seconds, registryCpuSeconds, manifestGets: (await hub.counters()).manifestGets };
}
