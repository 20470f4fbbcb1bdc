import type { RunAccount, RunOutcome, RunReason } from '../journal/job-runs.ts';
import type { Lie } from '../sync/report.ts';

/** A run of a job, as it is counted and told of. */
export interface EndedRun {
  readonly job: string;
  readonly reason: RunReason;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: RunOutcome;
  readonly account: RunAccount;
  readonly lies: readonly Lie[];
}
