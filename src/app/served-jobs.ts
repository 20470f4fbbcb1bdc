import type { Clock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { AdministeredJobs } from '../http/admin/admin-subject.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunOutcome } from '../journal/job-runs.ts';
import type { Log } from '../observe/log.ts';
import { JobAdministration } from './job-administration.ts';
import type { StartJob } from './job-process.ts';
import { notificationsOf } from './notification.ts';
import type { Notifier } from './notifier.ts';
import { ScheduledJobs } from './scheduled-jobs.ts';

interface ServedJobsOptions {
  readonly config: () => Config;
  readonly start: StartJob;
  readonly journal: Journal;
  readonly notifier: Notifier;
  readonly log: Log;
  readonly clock: Clock;
}

/** Runs that are over. */
export interface RunCount {
  readonly job: string;
  readonly outcome: RunOutcome;
  readonly count: number;
}

/** The jobs of a server: run by their schedules, administered, counted, and told of. */
export interface ServedJobs extends AsyncDisposable {
  readonly administration: AdministeredJobs;
  readonly counts: readonly RunCount[];
  readonly running: number;
}

export function serveJobs({ config, start, journal, notifier, log, clock }: ServedJobsOptions): ServedJobs {
  const counts = new Map<string, RunCount>();
  const jobs = () => config().sync;
  const scheduled = new ScheduledJobs({
    jobs,
    start,
    journal,
    log,
    clock,
    onEnded(run) {
      const { job, outcome } = run;
      const key = `${job} ${outcome}`;
      counts.set(key, { job, outcome, count: (counts.get(key)?.count ?? 0) + 1 });
      for (const notification of notificationsOf(run)) notifier.notify(notification);
    },
  }).begin();
  return {
    administration: new JobAdministration({ jobs, scheduled, journal }),
    get counts() {
      return [...counts.values()];
    },
    get running() {
      return scheduled.runningCount;
    },
    [Symbol.asyncDispose]: () => scheduled[Symbol.asyncDispose](),
  };
}
