// Where a job remembers what it did: the data folder, or one of its targets.
import type { SyncJobConfig } from '../config/config.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Upstream } from '../remote/upstream.ts';
import type { Selection } from '../select/select-images.ts';
import { StateCarrier } from '../sync/carried/state-carrier.ts';
import { JobState } from '../sync/job-state.ts';
import type { SyncJob, SyncTarget } from '../sync/job.ts';
import type { Session } from './session.ts';

export interface StateSurroundings {
  readonly session: Session;
  readonly upstream: Upstream;
  readonly targets: readonly SyncTarget[];
  readonly selection: Selection;
}

/** Throws UsageError where no target can keep it. Without a journal a job remembers nothing. */
export function buildState(
  { name, state: place, to, pruneAfterMs }: SyncJobConfig,
  { session: { journal, network }, upstream, targets, selection: { platforms } }: StateSurroundings,
): Pick<SyncJob, 'state' | 'carrier'> {
  if (place === 'data') return { state: journal && new JobState(journal, name, targets, platforms) };
  const keeper = targets.find((_, index) => to[index]?.kind === 'registry');
  if (keeper === undefined) {
    throw new UsageError(`the job ${name} keeps its state at a target, and none of its targets is a registry`);
  }
  if (pruneAfterMs !== Infinity) {
    throw new UsageError(
      `the job ${name} keeps its state at a target, where others may change it: it cannot say what may be deleted, so "prune" has to be never`,
    );
  }
  if (journal === undefined) return {};
  const { registry, name: from } = upstream;
  const state = new JobState(journal, name, targets, platforms, { carriedFrom: `${from} at ${registry.url.href}` });
  const carrier = new StateCarrier({ job: name, upstream: from, state, targets, keeper, clock: network.clock });
  return { state, carrier };
}
