// All that a job remembers, as a value: taken from one journal, and put into another.
import type { CopiedTag } from '../../journal/copied-tags.ts';
import type { DeferredTag } from '../../journal/job-history.ts';
import type { KnownTags } from '../../journal/resolved-tags.ts';
import type { SyncTarget } from '../job.ts';
import type { JobState } from '../job-state.ts';

export interface Snapshot {
  /** The commit of the catalog when a run last left nothing undone. */
  readonly revision?: string | undefined;
  readonly deferred: readonly DeferredTag[];
  readonly known: readonly KnownTags[];
  /** What was put at each target, in the order of the job's targets. */
  readonly copied: readonly (readonly CopiedTag[])[];
}

export const NOTHING: Snapshot = { deferred: [], known: [], copied: [] };

/** What was not looked at for so long is of a tag that nobody wants any more. */
const FORGOTTEN_AFTER_MS = 180 * 86_400_000;

export function takeSnapshot(state: JobState, targets: readonly SyncTarget[], nowMs: number): Snapshot {
  return {
    revision: state.history.syncedRevision,
    deferred: state.history.deferredTags(),
    known: [...(state.hearsay?.known() ?? [])],
    copied: targets.map((target) => {
      const copied = state.copiedTo(target);
      const tags = copied.repositories().flatMap((repository) => [...copied.in(repository).values()]);
      return tags.filter(({ checkedAt }) => nowMs - checkedAt.getTime() < FORGOTTEN_AFTER_MS);
    }),
  };
}

/** Afterwards the journal has this of the job, and nothing else. */
export async function restoreSnapshot(
  snapshot: Snapshot,
  state: JobState,
  targets: readonly SyncTarget[],
): Promise<void> {
  const { revision, deferred, known } = snapshot;
  state.history.clear();
  state.history.ended({ revision, deferred });
  state.hearsay?.clear();
  for (const one of known) state.hearsay?.learn(one);
  for (const [index, target] of targets.entries()) {
    const copied = state.copiedTo(target);
    copied.clear();
    await copied.put(snapshot.copied[index] ?? []);
  }
}

/** What two runs at once have learnt, of each part what is later; how the job ended is for `ours` to say. */
export function mergeSnapshots(ours: Snapshot, theirs: Snapshot): Snapshot {
  const { revision, deferred } = ours;
  return {
    revision,
    deferred,
    known: latest(
      [...theirs.known, ...ours.known],
      ({ repository }) => repository,
      ({ unchangedBeforeMs }) => unchangedBeforeMs,
    ),
    copied: ours.copied.map((tags, index) =>
      latest(
        [...(theirs.copied[index] ?? []), ...tags],
        ({ repository, tag }) => `${repository}:${tag}`,
        ({ checkedAt }) => checkedAt.getTime(),
      ),
    ),
  };
}

/** One of each key: the latest, and of equals the last. */
function latest<T>(all: readonly T[], keyOf: (one: T) => string, timeOf: (one: T) => number): T[] {
  const kept = new Map<string, T>();
  for (const one of all) {
    const known = kept.get(keyOf(one));
    if (known === undefined || timeOf(one) >= timeOf(known)) kept.set(keyOf(one), one);
  }
  return [...kept.values()];
}
