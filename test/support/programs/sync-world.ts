// All that a sync needs, each part a real process: a Docker Hub of ours, docker-registry, and the program itself.
import type { JobReport, SyncReport } from '../../../src/sync/report.ts';
import { type DockerRegistryOptions, startDockerRegistry } from './docker-registry.ts';
import { type ExpectedTag, type HubProcess, type HubProcessOptions, startHubProcess } from './hub-process.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import type { Exit, RunningProgram } from './program.ts';
import { type PlacedManifest, RegistryProbe } from './registry-probe.ts';
import { type MirrorSettings, type Wharf, openWharf } from './wharf.ts';

export interface SyncWorldOptions {
  /** The small library, unless told otherwise. */
  readonly hub?: Partial<HubProcessOptions> | undefined;
  readonly registry?: DockerRegistryOptions | undefined;
  /** One that runs already, instead of a fresh docker-registry. Who started it ends it. */
  readonly target?: TargetProcess | undefined;
  readonly mirrors?: readonly MirrorSettings[] | undefined;
  readonly data?: string | undefined;
}

/** A registry that a sync can copy to. */
interface TargetProcess {
  readonly host: string;
  readonly url: string;
}

export interface SyncRun extends Exit {
  /** The only job's. */
  readonly report: JobReport;
}

export interface SyncWorld extends AsyncDisposable {
  readonly hub: HubProcess;
  readonly registry: TargetProcess;
  readonly target: RegistryProbe;
  readonly wharf: Wharf;
  /** Starts `wharf sync` of the hub's library; to the registry, unless `args` name another target. */
  startSync(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunningProgram>;
  sync(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<SyncRun>;
  /** Runs until one ends with 0, and gives them all. Throws when `most` were not enough. */
  syncUntilDone(most: number): Promise<readonly SyncRun[]>;
  /** What the target lacks of all that the hub has. */
  missing(): Promise<readonly string[]>;
  /** That, and what the target holds and should not: incomplete images, and bytes that do not hash right. */
  wrong(): Promise<readonly string[]>;
}

export async function openSyncWorld(options: SyncWorldOptions = {}): Promise<SyncWorld> {
  await using opened = new AsyncDisposableStack();
  const library = options.hub?.library ?? SMALL_LIBRARY;
  const hub = opened.use(await startHubProcess({ ...options.hub, library }));
  const registry = options.target ?? opened.use(await startDockerRegistry(options.registry));
  const { mirrors, data } = options;
  const { registryUrl, apiUrl } = hub;
  const wharf = opened.use(await openWharf({ registryUrl, apiUrl, mirrors, data }));
  const target = new RegistryProbe(registry.url);
  const startSync: SyncWorld['startSync'] = (args = [], env = {}) => {
    const isElsewhere = args.includes('--to') || env['REGISTRY_DOMAIN'] !== undefined;
    const to = isElsewhere ? [] : ['--to', registry.url];
    const catalog = args.includes('--catalog') ? [] : ['--catalog', `official-images:${library}`];
    return wharf.start(['sync', ...catalog, '--json', ...to, ...args], env);
  };
  const sync: SyncWorld['sync'] = async (args, env) => withReport(await (await startSync(args, env)).exited);
  const missing = async () => await target.missing(manifestsOf(await hub.expected()));
  const running = opened.move();
  return {
    hub,
    registry,
    target,
    wharf,
    startSync,
    sync,
    syncUntilDone: async (most) => {
      const runs: SyncRun[] = [];
      while (runs.at(-1)?.code !== 0) {
        if (runs.length === most) throw new Error(`not done after ${most} runs; the last one: ${runs.at(-1)?.stdout}`);
        runs.push(await sync());
      }
      return runs;
    },
    missing,
    wrong: async () => [...(await missing()), ...(await target.broken())],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Every manifest that the hub has, once. */
export async function distinctManifests({ hub }: SyncWorld): Promise<number> {
  return new Set(manifestsOf(await hub.expected()).map(({ digest }) => digest)).size;
}

/** Every tag, and every child of what it means; each once. */
export function manifestsOf(tags: readonly ExpectedTag[]): PlacedManifest[] {
  const placed = tags.flatMap(({ repository, tag, digest, children }) => [
    { repository, reference: tag, digest },
    ...children.map((child) => ({ repository, reference: child, digest: child })),
  ]);
  return [...new Map(placed.map((one) => [`${one.repository} ${one.reference}`, one])).values()];
}

/** A run that ended before it had anything to report has no report, and says so when asked for it. */
function withReport(exit: Exit): SyncRun {
  return {
    ...exit,
    get report() {
      const { stdout, stderr, code } = exit;
      if (!stdout.startsWith('{')) throw new Error(`there is no report: wharf ended with ${code}: ${stderr}${stdout}`);
      return firstJob(JSON.parse(stdout) as SyncReport);
    },
  };
}

function firstJob({ jobs: [job] }: SyncReport): JobReport {
  if (job === undefined) throw new Error('the report has no job');
  return job;
}
