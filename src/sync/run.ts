// A run of a job: repositories are resolved and compared while images that are known to be missing are copied already.
import { forEach } from '../async/for-each.ts';
import { Semaphore, type Slot } from '../async/semaphore.ts';
import { CopyError } from '../copy/copy-error.ts';
import type { Cost } from '../copy/cost.ts';
import { platformNotice } from '../copy/platform-subset.ts';
import { Traffic } from '../observe/traffic.ts';
import type { Call } from '../oci/repository.ts';
import { type PullLease, noPullsLeft } from '../remote/pull-ledger.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { ImageCopier } from './copy-image.ts';
import { type Discovery, type ResolvedImage, type WantedRepository, discover } from './discover.ts';
import type { OnSyncEvent } from './events.ts';
import type { SyncJob } from './job.ts';
import { mostWantedFirst } from './order.ts';
import { type CopyAction, type Present, type RepositoryPlan, planRepository } from './plan.ts';
import { type PreparedJob, prepareJob } from './prepare.ts';
import { lookAt } from './present.ts';
import { prune } from './prune.ts';
import { PullLeases } from './pull-leases.ts';
import { type JobReport, type SourceTraffic, budgetReport, sourceTraffic, targetTraffic } from './report.ts';
import { Tally } from './tally.ts';

export interface RunOptions extends Call {
  readonly onEvent: OnSyncEvent;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Nothing that earlier runs remember is believed, neither of the upstream nor of the targets. */
  readonly isAnew?: boolean | undefined;
  /** Every tag at the targets is looked at, not only a share of those that earlier runs remember. */
  readonly isTargetChecked?: boolean | undefined;
  /** Only what the catalog changed since then: a revision or a time. */
  readonly since?: string | undefined;
}

const REPOSITORIES_AT_ONCE = 8;
const IMAGES_AT_ONCE = 24;

/**
 * Runs a job to its end: one bad tag or repository never stops the rest. Throws UsageError when nothing could be done
 * at all, and the signal's reason when it aborts; what is at the targets by then is whole.
 */
export async function runJob(job: SyncJob, options: RunOptions): Promise<JobReport> {
  const brought = (await job.carrier?.bring(options)) ?? [];
  const run = new Run(job, options, await prepareJob(job, { ...options, mayPush: true }));
  for (const message of brought) run.notice(message);
  try {
    await run.execute();
  } finally {
    const isStopped = options.signal?.aborted === true;
    for (const message of (await job.carrier?.keep({ isStopped })) ?? []) run.notice(message);
  }
  return run.report();
}

/** What a run would do, without doing it: the plan of each repository as it becomes known. */
export async function planJob(
  job: SyncJob,
  options: RunOptions,
  onPlan: (plan: RepositoryPlan, wanted: WantedRepository) => void,
): Promise<JobReport> {
  const run = new Run(job, options, await prepareJob(job, { ...options, mayPush: false }));
  await run.plan(onPlan);
  return run.report();
}

class Run {
  readonly #job: SyncJob;
  readonly #options: RunOptions;
  readonly #prepared: PreparedJob;
  readonly #tally: Tally;
  readonly #images = new Semaphore(IMAGES_AT_ONCE);
  readonly #copier: ImageCopier;
  /** What waits for its pulls, where there are not enough for everybody. */
  readonly #queue: CopyAction[] = [];
  readonly #startedMs: number;
  /** By source. An upstream may serve several jobs of one process. */
  readonly #trafficBefore: ReadonlyMap<string, Traffic>;

  constructor(job: SyncJob, options: RunOptions, prepared: PreparedJob) {
    this.#job = job;
    this.#options = options;
    this.#prepared = prepared;
    this.#tally = new Tally(job.upstream.name);
    const onBytes = (count: number) => options.onEvent({ type: 'bytes', count });
    this.#copier = new ImageCopier(job, { onBytes, now: options.now, signal: options.signal });
    this.#startedMs = options.now();
    this.#trafficBefore = new Map(sourcesOf(job).map(({ name, traffic }) => [name, traffic.copy()]));
  }

  async execute(): Promise<void> {
    await this.#each(async ({ actions }) => {
      const [first] = actions;
      if (first === undefined) return;
      const { repository, digest } = first.image;
      const isRationed = await this.#job.upstream.isRationed(repository, digest, this.#options);
      if (isRationed) this.#queue.push(...actions);
      else await Promise.all(actions.map((action) => this.#copy(action)));
    });
    await this.#copyQueue();
    await this.#prune();
    this.#endState();
  }

  async plan(onPlan: (plan: RepositoryPlan, wanted: WantedRepository) => void): Promise<void> {
    await this.#each(async (plan, wanted) => {
      onPlan(plan, wanted);
      for (const { image, tags } of plan.actions) {
        const alsoUpToDate = image.tags.length - tags.length;
        this.#tally.settle('copied', { repository: image.repository, tags, alsoUpToDate });
      }
    });
  }

  async #each(work: (plan: RepositoryPlan, wanted: WantedRepository) => Promise<void>): Promise<void> {
    const { onEvent, signal, isAnew } = this.#options;
    this.#announce();
    await forEach(this.#prepared.repositories, REPOSITORIES_AT_ONCE, async (wanted) => {
      try {
        const { discovery, plan } = await this.#plan(wanted, isAnew);
        this.#settleUnresolved(discovery);
        for (const image of plan.upToDate) this.#tally.settle('upToDate', image);
        const settled = plan.upToDate.length + discovery.unresolved.length;
        const cost = sumOf(plan.actions.map((action) => action.cost));
        onEvent({ type: 'planned', repository: wanted.repository, toCopy: plan.actions.length, settled, cost });
        await work(plan, wanted);
      } catch (error) {
        signal?.throwIfAborted();
        this.#failRepository(wanted, error);
      }
    });
    signal?.throwIfAborted();
  }

  // What a tag was put on record to mean by others may keep it from being copied, and never be what is copied.
  async #plan(wanted: WantedRepository, isAnew = false): Promise<{ discovery: Discovery; plan: RepositoryPlan }> {
    const { upstream, state, selection } = this.#job;
    const { hearsay: memory } = state ?? {};
    const discovery = await discover(upstream, wanted, { signal: this.#options.signal, isAnew, memory });
    const present = await this.#look(wanted, discovery);
    const plan = planRepository(discovery.images, present, selection.platforms);
    const isHearsay = ({ image }: CopyAction) => image.tags.some((tag) => discovery.remembered.has(tag));
    return memory !== undefined && plan.actions.some(isHearsay) ? await this.#plan(wanted, true) : { discovery, plan };
  }

  #announce(): void {
    const { listing, repositories, notices } = this.#prepared;
    const images = repositories.flatMap((repository) => repository.images);
    const tags = images.reduce((sum, image) => sum + image.tags.length, 0);
    this.#options.onEvent({ type: 'listed', repositories: repositories.length, images: images.length, tags });
    for (const message of notices) this.notice(message);
    const { platforms } = this.#job.selection;
    const isSparse = this.#job.targets.every(({ registry }) => registry.keepsSparseIndexes);
    if (platforms.length > 0) this.notice(platformNotice(platforms, { isSparse }));
    for (const { file, line, message } of listing.problems) {
      const where = line === undefined ? file : `${file}:${line}`;
      this.#tally.failures.push({ reference: where, origin: 'catalog', code: 'CATALOG_INVALID', message });
      this.#options.onEvent({ type: 'notice', message: `${where}: ${message}` });
    }
  }

  notice(message: string): void {
    this.#tally.notices.push(message);
    this.#options.onEvent({ type: 'notice', message });
  }

  async #look(wanted: WantedRepository, { images }: Discovery): Promise<Present[]> {
    const { signal, now, isAnew = false, isTargetChecked = false } = this.#options;
    return await Promise.all(
      this.#job.targets.map(async (target) => {
        const name = this.#prepared.names.get(target)?.get(wanted.repository) ?? wanted.repository;
        const copied = this.#job.state?.copiedTo(target);
        try {
          const { platforms } = this.#job.selection;
          const isInFull = isAnew || isTargetChecked;
          return await lookAt(target, name, images, { platforms, copied, isInFull, now, signal });
        } catch (error) {
          throw error instanceof RemoteError ? new CopyError('target', error) : error;
        }
      }),
    );
  }

  #settleUnresolved({ unresolved }: Discovery): void {
    for (const { error, ...settled } of unresolved) {
      if (error.status === 404) this.#tally.settle('pending', settled);
      else this.#tally.settleError(error, settled);
    }
  }

  // Where the pulls do not suffice for everybody, each image has its own before it starts, and who comes first matters.
  async #copyQueue(): Promise<void> {
    const { upstream, state } = this.#job;
    const { signal } = this.#options;
    const deferred = state?.history.deferred ?? new Set<string>();
    const isAmong = (tags: ReadonlySet<string>) => (image: ResolvedImage) =>
      image.tags.some((tag) => tags.has(`${image.repository}:${tag}`));
    const isNews = isAmong(this.#prepared.changes?.tags ?? new Set());
    const leases = new PullLeases(upstream.registry.ledger);
    const running: Promise<void>[] = [];
    try {
      for (const action of mostWantedFirst(this.#queue, { wasDeferred: isAmong(deferred), isNews })) {
        if (signal?.aborted === true) break;
        const { pulls, manifests } = action.cost;
        const slot = await this.#images.acquire(signal);
        const lease = await leases.take(Math.max(0, pulls - (await upstream.countPaid(manifests))));
        if (lease !== undefined) {
          running.push(this.#copyLeased(action, slot, lease));
        } else {
          slot.release();
          this.#defer(action);
        }
      }
    } finally {
      // A disk that is full ends the queue, but nobody who is under way may be left behind.
      await Promise.all(running);
    }
    signal?.throwIfAborted();
  }

  async #copyLeased(action: CopyAction, slot: Slot, lease: PullLease): Promise<void> {
    using _slot = slot;
    using _lease = lease;
    await this.#copyNow(action, lease);
  }

  async #copy(action: CopyAction): Promise<void> {
    using _slot = await this.#images.acquire(this.#options.signal);
    await this.#copyNow(action);
  }

  async #copyNow(action: CopyAction, lease?: PullLease): Promise<void> {
    const { signal, onEvent } = this.#options;
    const { repository, tags } = action.image;
    const reference = this.#tally.reference(repository, action.tags[0]);
    onEvent({ type: 'started', reference });
    try {
      const moved = await this.#copier.copy(action, lease);
      const alsoUpToDate = tags.length - moved.size;
      const outcome = moved.size > 0 ? 'copied' : 'upToDate';
      this.#tally.settle(outcome, { repository, tags: [...moved], alsoUpToDate });
      onEvent({ type: 'finished', reference, outcome, tags: moved.size });
    } catch (error) {
      signal?.throwIfAborted();
      this.#settleUncopied(action, error);
    }
  }

  #defer(action: CopyAction): void {
    const { host, ledger } = this.#job.upstream.registry;
    this.#settleUncopied(action, noPullsLeft(host, ledger.budget?.resetsByMs ?? this.#options.now()));
  }

  #settleUncopied({ image, tags }: CopyAction, error: unknown): void {
    const { repository } = image;
    const outcome = this.#tally.settleError(error, { repository, tags, alsoUpToDate: image.tags.length - tags.length });
    const message = error instanceof Error ? error.message : String(error);
    const reference = this.#tally.reference(repository, tags[0]);
    this.#options.onEvent({ type: 'finished', reference, outcome, tags: tags.length, message });
  }

  // What could not be read of the catalog may still be wanted, so nothing is taken away then.
  async #prune(): Promise<void> {
    const { targets, pruneAfterMs, state } = this.#job;
    const { listing, repositories, names } = this.#prepared;
    // Others may have written what the state says that we once put there.
    const isKnown = state !== undefined && state.hearsay === undefined;
    if (!isKnown || this.#options.since !== undefined || listing.problems.length > 0) return;
    for (const target of targets) {
      const wanted = new Map(
        repositories.map(({ repository, images }) => [
          names.get(target)?.get(repository) ?? repository,
          new Set(images.flatMap((image) => image.tags)),
        ]),
      );
      const copied = state.copiedTo(target);
      const { signal, now } = this.#options;
      try {
        const { tags, isRefused } = await prune(target, { copied, wanted, pruneAfterMs, nowMs: now(), signal });
        if (tags.length > 0) this.notice(`taken away from ${target.name}, as nobody wants them: ${tags.join(', ')}`);
        if (isRefused) this.notice(`${target.name} deletes no tags, so what nobody wants any more stays there`);
      } catch (error) {
        signal?.throwIfAborted();
        this.#tally.fail(`the tags to prune at ${target.name}`, error, 'target');
      }
    }
  }

  #endState(): void {
    // A run of a part says nothing of the rest.
    if (this.#options.since !== undefined) return;
    const { deferred, failed } = this.#tally.tags;
    const isComplete = deferred + failed + this.#tally.failures.length === 0;
    const revision = isComplete ? this.#prepared.listing.revision : undefined;
    this.#job.state?.history.ended({ revision, deferred: this.#tally.deferred });
  }

  #failRepository({ repository, images }: WantedRepository, error: unknown): void {
    for (const { tags } of images) this.#tally.settleError(error, { repository, tags });
  }

  #trafficOf({ name, traffic }: RemoteRegistry): SourceTraffic {
    return sourceTraffic(traffic.since(this.#trafficBefore.get(name) ?? new Traffic()));
  }

  report(): JobReport {
    const { upstream, targets, name } = this.#job;
    const { budget } = upstream.registry.ledger;
    const lies = upstream.mirrors.flatMap(({ registry, lie }) => (lie ? [{ mirror: registry.name, ...lie }] : []));
    for (const { mirror, proof } of lies) this.notice(`the mirror ${mirror} lied, and was asked no more: ${proof}`);
    const { listing, changes } = this.#prepared;
    return {
      name,
      tags: this.#tally.tags,
      images: this.#tally.images,
      sources: Object.fromEntries(sourcesOf(this.#job).map((source) => [source.name, this.#trafficOf(source)])),
      targets: Object.fromEntries(targets.map((target) => [target.name, targetTraffic(target.registry.traffic)])),
      failures: this.#tally.failures,
      notices: this.#tally.notices,
      budget: budget === undefined ? {} : { [upstream.name]: budgetReport(budget) },
      notMetered: budget === undefined && upstream.registry.hasHeardOfPulls ? [upstream.name] : [],
      ...(listing.revision !== undefined && { revision: listing.revision }),
      ...(changes?.since !== undefined && { changes: { since: changes.since, tags: changes.tags.size } }),
      ...(lies.length > 0 && { lies }),
      seconds: Math.round((this.#options.now() - this.#startedMs) / 100) / 10,
    };
  }
}

function sourcesOf({ upstream }: SyncJob): RemoteRegistry[] {
  return [upstream.registry, ...upstream.mirrors.map(({ registry }) => registry)];
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
