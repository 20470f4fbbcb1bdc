// A run of a job: repositories are resolved and compared while images that are known to be missing are copied already.
import { forEach } from '../async/for-each.ts';
import { Semaphore } from '../async/semaphore.ts';
import { CopyError } from '../copy/copy-error.ts';
import { type GraphCopied, copyGraph } from '../copy/copy-graph.ts';
import type { Cost } from '../copy/cost.ts';
import { Placements, type TargetRepository } from '../copy/placements.ts';
import { Traffic } from '../observe/traffic.ts';
import { type RepositoryName, type Tag, formatReference } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { formatPlatform } from '../oci/platform.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { type Discovery, type WantedRepository, discover } from './discover.ts';
import type { OnSyncEvent } from './events.ts';
import type { SyncJob, SyncTarget } from './job.ts';
import { type CopyAction, type Present, type RepositoryPlan, planRepository } from './plan.ts';
import { type PreparedJob, prepareJob } from './prepare.ts';
import { lookAt } from './present.ts';
import { type JobReport, type SourceTraffic, Tally, budgetReport, sourceTraffic, targetTraffic } from './report.ts';

export interface RunOptions extends Call {
  readonly onEvent: OnSyncEvent;
  readonly now: () => number;
}

const REPOSITORIES_AT_ONCE = 8;
const IMAGES_AT_ONCE = 24;

/**
 * Runs a job to its end: one bad tag or repository never stops the rest. Throws UsageError when nothing could be done
 * at all, and the signal's reason when it aborts; what is at the targets by then is whole.
 */
export async function runJob(job: SyncJob, options: RunOptions): Promise<JobReport> {
  const run = new Run(job, options, await prepareJob(job, { ...options, mayPush: true }));
  return await run.execute();
}

/** What a run would do, without doing it: the plan of each repository as it becomes known. */
export async function planJob(
  job: SyncJob,
  options: RunOptions,
  onPlan: (plan: RepositoryPlan, wanted: WantedRepository) => void,
): Promise<JobReport> {
  const run = new Run(job, options, await prepareJob(job, { ...options, mayPush: false }));
  return await run.plan(onPlan);
}

class Run {
  readonly #job: SyncJob;
  readonly #options: RunOptions;
  readonly #prepared: PreparedJob;
  readonly #tally = new Tally();
  readonly #images = new Semaphore(IMAGES_AT_ONCE);
  readonly #placements: ReadonlyMap<SyncTarget, Placements>;
  readonly #startedMs: number;
  /** By source. An upstream may serve several jobs of one process. */
  readonly #trafficBefore: ReadonlyMap<string, Traffic>;

  constructor(job: SyncJob, options: RunOptions, prepared: PreparedJob) {
    this.#job = job;
    this.#options = options;
    this.#prepared = prepared;
    this.#placements = new Map(job.targets.map((target) => [target, new Placements()]));
    this.#startedMs = options.now();
    this.#trafficBefore = new Map(sourcesOf(job).map(({ name, traffic }) => [name, traffic.copy()]));
  }

  async execute(): Promise<JobReport> {
    return await this.#each(async (wanted, plan) => {
      await Promise.all(plan.actions.map((action) => this.#copy(action, wanted)));
    });
  }

  async plan(onPlan: (plan: RepositoryPlan, wanted: WantedRepository) => void): Promise<JobReport> {
    return await this.#each(async (wanted, plan) => {
      onPlan(plan, wanted);
      for (const { image, tags } of plan.actions) {
        this.#tally.image('copied');
        this.#tally.tag('copied', tags.length);
        this.#tally.tag('upToDate', image.tags.length - tags.length);
      }
    });
  }

  async #each(work: (wanted: WantedRepository, plan: RepositoryPlan) => Promise<void>): Promise<JobReport> {
    const { onEvent, signal } = this.#options;
    this.#announce();
    await forEach(this.#prepared.repositories, REPOSITORIES_AT_ONCE, async (wanted) => {
      try {
        const discovery = await discover(this.#job.upstream, wanted, { signal });
        const present = await this.#look(wanted, discovery);
        this.#settleUnresolved(discovery);
        const isSubset = this.#job.selection.platforms.length > 0;
        const plan = planRepository(discovery.images, present, { isSubset });
        for (const image of plan.upToDate) {
          this.#tally.image('upToDate');
          this.#tally.tag('upToDate', image.tags.length);
        }
        const settled = plan.upToDate.length + discovery.unresolved.length;
        const cost = sumOf(plan.actions.map((action) => action.cost));
        onEvent({ type: 'planned', repository: wanted.repository, toCopy: plan.actions.length, settled, cost });
        await work(wanted, plan);
      } catch (error) {
        signal?.throwIfAborted();
        this.#failRepository(wanted, error);
      }
    });
    signal?.throwIfAborted();
    return this.#report();
  }

  #announce(): void {
    const { listing, repositories } = this.#prepared;
    const images = repositories.flatMap((repository) => repository.images);
    const tags = images.reduce((sum, image) => sum + image.tags.length, 0);
    this.#options.onEvent({ type: 'listed', repositories: repositories.length, images: images.length, tags });
    for (const message of listing.notices) this.#notice(message);
    const { platforms } = this.#job.selection;
    if (platforms.length > 0) {
      const chosen = platforms.map(formatPlatform).join(', ');
      this.#notice(
        `platforms other than ${chosen} are left out: indexes are written anew, and digests are not upstream's`,
      );
    }
    for (const { file, line, message } of listing.problems) {
      const where = line === undefined ? file : `${file}:${line}`;
      this.#tally.failures.push({ reference: where, origin: 'catalog', code: 'CATALOG_INVALID', message });
      this.#options.onEvent({ type: 'notice', message: `${where}: ${message}` });
    }
  }

  #notice(message: string): void {
    this.#tally.notices.push(message);
    this.#options.onEvent({ type: 'notice', message });
  }

  async #look(wanted: WantedRepository, { images }: Discovery): Promise<Present[]> {
    const tags = images.flatMap((image) => image.tags);
    const { signal } = this.#options;
    return await Promise.all(
      this.#job.targets.map(async (target) => {
        const name = this.#prepared.names.get(target)?.get(wanted.repository) ?? wanted.repository;
        try {
          return await lookAt(target, name, tags, { signal });
        } catch (error) {
          throw error instanceof RemoteError ? new CopyError('target', error) : error;
        }
      }),
    );
  }

  #settleUnresolved({ unresolved }: Discovery): void {
    for (const { repository, tags, error } of unresolved) {
      const outcome = outcomeOf(error);
      this.#tally.image(outcome);
      this.#tally.tag(outcome, tags.length);
      if (outcome === 'failed') for (const tag of tags) this.#tally.fail(this.#reference(repository, tag), error);
    }
  }

  async #copy(action: CopyAction, wanted: WantedRepository): Promise<void> {
    const { signal, onEvent } = this.#options;
    using _slot = await this.#images.acquire(signal);
    const { image, tags } = action;
    const reference = this.#reference(wanted.repository, tags[0]);
    onEvent({ type: 'started', reference });
    try {
      const moved = await this.#copyToTargets(action);
      const outcome = moved.size > 0 ? 'copied' : 'upToDate';
      this.#tally.image(outcome);
      this.#tally.tag('copied', moved.size);
      this.#tally.tag('upToDate', image.tags.length - moved.size);
      onEvent({ type: 'finished', reference, outcome, tags: moved.size });
    } catch (error) {
      signal?.throwIfAborted();
      const outcome = outcomeOf(error) === 'deferred' ? 'deferred' : 'failed';
      this.#tally.image(outcome);
      this.#tally.tag(outcome, tags.length);
      this.#tally.tag('upToDate', image.tags.length - tags.length);
      if (outcome === 'failed')
        for (const tag of tags) this.#tally.fail(this.#reference(wanted.repository, tag), error);
      const message = error instanceof Error ? error.message : String(error);
      onEvent({ type: 'finished', reference, outcome, tags: tags.length, message });
    }
  }

  async #copyToTargets({ image, to }: CopyAction): Promise<ReadonlySet<Tag>> {
    const { signal, onEvent } = this.#options;
    const moved = new Set<Tag>();
    let from: Source = this.#job.upstream.repository(image.repository);
    let root = image.digest;
    for (const at of to) {
      const repository = repositoryAt(at);
      const copied: GraphCopied = await copyGraph(root, image.tags, {
        from,
        to: repository,
        placements: this.#placements.get(at.target) ?? new Placements(),
        platforms: root === image.digest ? this.#job.selection.platforms : [],
        present: at.tags,
        onBytes: (count) => onEvent({ type: 'bytes', count }),
        signal,
      });
      for (const tag of copied.movedTags) moved.add(tag);
      from = repository.target;
      root = copied.digest;
    }
    return moved;
  }

  #failRepository({ repository, images }: WantedRepository, error: unknown): void {
    const outcome = outcomeOf(error) === 'deferred' ? 'deferred' : 'failed';
    for (const { tags } of images) {
      this.#tally.image(outcome);
      this.#tally.tag(outcome, tags.length);
      if (outcome === 'failed') for (const tag of tags) this.#tally.fail(this.#reference(repository, tag), error);
    }
  }

  #trafficOf({ name, traffic }: RemoteRegistry): SourceTraffic {
    return sourceTraffic(traffic.since(this.#trafficBefore.get(name) ?? new Traffic()));
  }

  #reference(repository: RepositoryName, tag: Tag | undefined): string {
    return formatReference({ domain: this.#job.upstream.name, repository, ...(tag !== undefined && { tag }) });
  }

  #report(): JobReport {
    const { upstream, targets, name } = this.#job;
    const { budget } = upstream.registry.ledger;
    for (const { registry, lie } of upstream.mirrors) {
      if (lie !== undefined) this.#notice(`the mirror ${registry.name} lied, and was asked no more: ${lie.proof}`);
    }
    const { revision } = this.#prepared.listing;
    return {
      name,
      tags: this.#tally.tags,
      images: this.#tally.images,
      sources: Object.fromEntries(sourcesOf(this.#job).map((source) => [source.name, this.#trafficOf(source)])),
      targets: Object.fromEntries(targets.map((target) => [target.name, targetTraffic(target.registry.traffic)])),
      failures: this.#tally.failures,
      notices: this.#tally.notices,
      budget: budget === undefined ? {} : { [upstream.name]: budgetReport(budget) },
      ...(revision !== undefined && { revision }),
      seconds: Math.round((this.#options.now() - this.#startedMs) / 100) / 10,
    };
  }
}

function sourcesOf({ upstream }: SyncJob): RemoteRegistry[] {
  return [upstream.registry, ...upstream.mirrors.map(({ registry }) => registry)];
}

// One object for each repository of a target, as placements tell them apart by name.
function repositoryAt({ target, name, isNew }: Present): TargetRepository {
  return { name, target: target.registry.repository(name), isNew };
}

function outcomeOf(error: unknown): 'pending' | 'deferred' | 'failed' {
  if (error instanceof RemoteError && error.status === 404) return 'pending';
  const code = error instanceof RemoteError || error instanceof CopyError ? error.code : '';
  return code === 'PULL_LIMIT' ? 'deferred' : 'failed';
}

function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, cost) => ({
      pulls: sum.pulls + cost.pulls,
      bytes: sum.bytes + cost.bytes,
      isKnown: sum.isKnown && cost.isKnown,
    }),
    { pulls: 0, bytes: 0, isKnown: true },
  );
}
