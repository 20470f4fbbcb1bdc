import type { Clock } from '../async/clock.ts';
import { type RunAccount, type RunOutcome, JobRuns } from '../journal/job-runs.ts';
import type { Journal } from '../journal/journal.ts';
import type { JobReport } from '../sync/report.ts';
import { accountOf, outcomeOf } from '../sync/run-outcome.ts';
import type { EndedRun } from './ended-run.ts';
import { notificationsOf } from './notification.ts';
import type { Notifier } from './notifier.ts';

interface RecordOptions {
  readonly job: string;
  /** Without it nothing is written down, and nobody told. */
  readonly journal: Journal | undefined;
  readonly clock: Clock;
  /** Whoever began it has ended it. */
  readonly signal: AbortSignal;
  readonly exitCodeOf: (report: JobReport) => number;
  readonly notifier: Pick<Notifier, 'notify'>;
}

/** Writes down a run that somebody began by hand, as a server does with those that it starts. */
export async function recordRun(run: () => Promise<JobReport>, options: RecordOptions): Promise<JobReport> {
  const { job, journal, clock, signal, exitCodeOf, notifier } = options;
  if (journal === undefined) return await run();
  const runs = new JobRuns(journal);
  const startedAtMs = clock.now();
  const id = runs.begin({ job, reason: 'by hand', pid: process.pid, startedAtMs });
  const end = (outcome: RunOutcome, account: RunAccount, lies: EndedRun['lies'] = []) => {
    const endedAtMs = clock.now();
    runs.end(id, { endedAtMs, outcome, account });
    const ended: EndedRun = { job, reason: 'by hand', startedAtMs, endedAtMs, outcome, account, lies };
    for (const notification of notificationsOf(ended)) notifier.notify(notification);
  };
  try {
    const report = await run();
    const exitCode = exitCodeOf(report);
    end(outcomeOf({ exitCode }), { ...accountOf(report), exitCode }, report.lies);
    return report;
  } catch (error) {
    end(signal.aborted ? 'cancelled' : 'failed', { message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
