// When a job that is run by a schedule is due next. Pure: what is known of its runs comes in, and the moment goes out.
import type { Schedule } from '../config/schedule.ts';
import type { FollowedJob } from '../journal/followed-jobs.ts';
import type { JobRun, RunReason } from '../journal/job-runs.ts';

export interface ScheduledJob {
  readonly schedule: Schedule;
  readonly jitterMs: number;
  readonly followed: FollowedJob;
  /** The latest first. */
  readonly runs: readonly JobRun[];
}

export interface DueRun {
  readonly atMs: number;
  readonly reason: RunReason;
}

/** A server that is slow to look is not late. */
const LATE_MS = 120_000;
const DAY_MS = 86_400_000;
const SOONEST_WINDOW_MS = 60_000;
const LATEST_WINDOW_MS = 7 * DAY_MS;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * A moment of the schedule is settled by any run that began at or after it, so however many were missed, one run makes
 * up for them, and a clock that is set back runs nothing again. Before its next moment a job goes on that wants pulls,
 * when they are back, and one that was broken off. One that failed waits.
 */
export function nextRun({ schedule, jitterMs, followed, runs }: ScheduledJob, nowMs: number): DueRun {
  const known = runs.filter((run) => !isFromTheFuture(run.startedAtMs, nowMs));
  const settledMs = Math.max(followed.sinceMs, known[0]?.startedAtMs ?? 0);
  const dueMs = schedule.next(settledMs) + Math.floor(followed.share * jitterMs);
  const onwards = continuation(known);
  if (onwards !== undefined && onwards.atMs < dueMs) return onwards;
  return { atMs: dueMs, reason: nowMs - dueMs > LATE_MS ? 'catch-up' : 'schedule' };
}

/** A clock that was so wrong is not believed; less than that is waited for. */
export function isFromTheFuture(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + DAY_MS;
}

function continuation(runs: readonly JobRun[]): DueRun | undefined {
  const [last] = runs;
  if (last?.endedAtMs === undefined) return undefined;
  const { outcome, endedAtMs, account } = last;
  if (outcome === 'deferred' && account.resumesAtMs !== undefined) {
    const waitMs = clamp(account.resumesAtMs - endedAtMs, SOONEST_WINDOW_MS, LATEST_WINDOW_MS);
    return { atMs: endedAtMs + waitMs, reason: 'window' };
  }
  if (outcome === 'stopped') return { atMs: endedAtMs, reason: 'catch-up' };
  return outcome === 'interrupted' ? { atMs: endedAtMs + pauseAfter(runs), reason: 'catch-up' } : undefined;
}

/** What kills a run may kill the next one, too: the first goes on at once, later ones after ever longer pauses. */
function pauseAfter(runs: readonly JobRun[]): number {
  const others = runs.findIndex(({ outcome }) => outcome !== 'interrupted');
  const times = others < 0 ? runs.length : others;
  return times < 2 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (times - 2));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
