import type { SyncJobConfig } from '../config/config.ts';
import { type AdministeredJobs, type JobCommand, JobRefusal, type JobStatus } from '../http/admin/admin-subject.ts';
import { FollowedJobs } from '../journal/followed-jobs.ts';
import { JobLease } from '../journal/job-lease.ts';
import type { Journal } from '../journal/journal.ts';
import { historyOfJob, statusOfJob } from './job-status.ts';
import type { ScheduledJobs } from './scheduled-jobs.ts';

interface JobAdministrationOptions {
  readonly jobs: () => readonly SyncJobConfig[];
  readonly scheduled: Pick<ScheduledJobs, 'start' | 'cancel' | 'isRunning'>;
  readonly journal: Journal;
}

/** What the admin listener tells of the jobs, and does with them. */
export class JobAdministration implements AdministeredJobs {
  readonly #options: JobAdministrationOptions;

  constructor(options: JobAdministrationOptions) {
    this.#options = options;
  }

  list(): readonly JobStatus[] {
    return this.#options.jobs().map((job) => this.#statusOf(job));
  }

  find(name: string): ReturnType<AdministeredJobs['find']> {
    const job = this.#job(name);
    return job && { ...this.#statusOf(job), runs: historyOfJob(job, this.#options.journal) };
  }

  command(name: string, command: JobCommand): JobStatus | undefined {
    const job = this.#job(name);
    if (job === undefined) return undefined;
    this.#obey(name, command);
    return this.#statusOf(job);
  }

  #obey(job: string, command: JobCommand): void {
    const { scheduled, journal } = this.#options;
    const followed = new FollowedJobs(journal);
    switch (command) {
      case 'run':
        if (scheduled.isRunning(job) || JobLease.holder(journal, job) !== undefined) {
          throw new JobRefusal(`job "${job}" is running already; wait for its end, or cancel it`);
        }
        return scheduled.start(job, 'by hand');
      case 'pause':
        return followed.pause(job);
      case 'resume':
        if (!followed.isPaused(job)) throw new JobRefusal(`job "${job}" is not paused`);
        return followed.resume(job);
      case 'cancel':
        if (scheduled.cancel(job)) return;
        throw new JobRefusal(
          JobLease.holder(journal, job) === undefined
            ? `job "${job}" does not run`
            : `job "${job}" is run by another process; stop it there`,
        );
    }
  }

  #job(name: string): SyncJobConfig | undefined {
    return this.#options.jobs().find((job) => job.name === name);
  }

  #statusOf(job: SyncJobConfig): JobStatus {
    const status = statusOfJob(job, this.#options.journal);
    return { ...status, running: status.running || this.#options.scheduled.isRunning(job.name) };
  }
}
