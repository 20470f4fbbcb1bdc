// A sync job between a Docker Hub and registries on loopback, in this process, with time that passes at once.
import type { CatalogImage, CatalogListing } from '../../../src/catalog/catalog.ts';
import { PaidManifests } from '../../../src/journal/paid-manifests.ts';
import { ResolvedTags } from '../../../src/journal/resolved-tags.ts';
import { HubApi } from '../../../src/remote/hub-api.ts';
import { RemoteRegistry } from '../../../src/remote/remote-registry.ts';
import { Upstream } from '../../../src/remote/upstream.ts';
import type { SyncEvent } from '../../../src/sync/events.ts';
import { JobState } from '../../../src/sync/job-state.ts';
import type { SyncJob } from '../../../src/sync/job.ts';
import type { Counts, JobReport } from '../../../src/sync/report.ts';
import { type RunOptions, runJob } from '../../../src/sync/run.ts';
import { FakeClock } from '../fake-clock.ts';
import { catalogImage } from '../hub/catalog-image.ts';
import type { HubOptions } from '../hub/hub-options.ts';
import { type Hub, startHub } from '../hub/hub.ts';
import { type Registry, startRegistry } from '../registry/registry.ts';
import { TemporaryJournal } from '../journal/temporary-journal.ts';
import { openNetwork } from './loopback-network.ts';

const PLATFORMS = ['linux/amd64', 'linux/arm64/v8'];
export const NGINX: CatalogImage = catalogImage('nginx', ['1.27', '1', 'latest'], PLATFORMS);
export const REDIS: CatalogImage = catalogImage('redis', ['7', '7.4']);
/** Three images of two repositories, six tags, and thirteen manifests. */
export const IMAGES: readonly CatalogImage[] = [NGINX, catalogImage('nginx', ['1.26'], PLATFORMS), REDIS];

export interface JobWorldOptions {
  readonly hub?: Partial<HubOptions> | undefined;
  /** One by default. */
  readonly targets?: number | undefined;
  /** Whether runs remember what earlier ones did, as the program's do. */
  readonly remembers?: boolean | undefined;
}

export interface JobWorld extends AsyncDisposable {
  readonly hub: Hub;
  /** The first of them. */
  readonly target: Registry;
  readonly targets: readonly Registry[];
  readonly clock: FakeClock;
  /** What the runs have told so far. */
  readonly events: readonly SyncEvent[];
  job(changes?: Partial<SyncJob>, listing?: Partial<CatalogListing>): SyncJob;
  /** Each run knows the upstream anew, as a new process would. */
  run(changes?: Partial<SyncJob>, options?: Partial<RunOptions>): Promise<JobReport>;
  /** The tags that are not on their right digest at the target, or whose index lacks a child there. */
  wrongTags(target?: Registry): string[];
}

/** What a report counts: these, and nothing else. */
export function counts(some: Partial<Counts>): Counts {
  return { wanted: 0, copied: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0, ...some };
}

/** A hub that has these images, and a job that wants them all. */
export async function startJobWorld(
  images: readonly CatalogImage[],
  { hub: hubOptions = {}, targets: count = 1, remembers = false }: JobWorldOptions = {},
): Promise<JobWorld> {
  await using started = new AsyncDisposableStack();
  const temporary = remembers ? started.use(new TemporaryJournal()) : undefined;
  const clock = temporary?.clock ?? new FakeClock();
  const hub = started.use(await startHub({ images, now: () => clock.now(), ...hubOptions }));
  const targets: Registry[] = [];
  for (let nth = 0; nth < count; nth += 1) targets.push(started.use(await startRegistry()));
  const [target] = targets;
  if (target === undefined) throw new Error('a job has a target');
  const { network } = started.use(openNetwork({ clock, deadlineMs: 500 }));
  const events: SyncEvent[] = [];

  const upstream = () => {
    const ledger = temporary?.ledger();
    const registry = new RemoteRegistry({ name: 'docker.io', url: new URL(hub.registryUrl), network, ledger });
    const hubApi = new HubApi({ url: new URL(hub.apiUrl), network, traffic: registry.traffic });
    const memory = temporary && new ResolvedTags(temporary.open(), 'docker.io');
    const paid = temporary && new PaidManifests(temporary.dataFolder, { clock });
    return new Upstream({ name: 'docker.io', registry, hubApi, memory, paid });
  };
  const syncTargets = () =>
    targets.map(({ url }, nth) => ({
      name: `target-${nth}`,
      url,
      template: '{repository}',
      registry: new RemoteRegistry({ name: `target-${nth}`, url: new URL(url), network }),
    }));
  const state = ({ targets: own = syncTargets(), selection }: Partial<SyncJob>) =>
    temporary && new JobState(temporary.open(), 'library', own, selection?.platforms ?? []);
  const job: JobWorld['job'] = (changes = {}, listing = {}) => ({
    name: 'library',
    upstream: upstream(),
    catalog: {
      description: 'a catalog by hand',
      list: () => Promise.resolve({ images, problems: [], notices: [], ...listing }),
    },
    selection: { include: [], exclude: [], platforms: [] },
    pruneAfterMs: Infinity,
    targets: syncTargets(),
    state: state(changes),
    ...changes,
  });
  const running = started.move();
  return {
    hub,
    target,
    targets,
    clock,
    events,
    job,
    run: (changes, options) =>
      runJob(job(changes), { onEvent: (event) => void events.push(event), now: () => clock.now(), ...options }),
    wrongTags: ({ content } = target) =>
      hub.expected().flatMap(({ repository, tag, digest, children }) => {
        const isRight = content.manifest(repository, tag)?.digest === digest;
        const isWhole = children.every((child) => content.manifest(repository, child) !== undefined);
        return isRight && isWhole ? [] : [`${repository}:${tag}`];
      }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
