import type { SyncJobConfig } from '../config/config.ts';
import { type Schedule, parseSchedule } from '../config/schedule.ts';
import type { JobStatus, RunStatus } from '../http/admin/admin-subject.ts';
import { FollowedJobs } from '../journal/followed-jobs.ts';
import { JobLease } from '../journal/job-lease.ts';
import { type JobRun, JobRuns } from '../journal/job-runs.ts';
import type { Journal } from '../journal/journal.ts';
import { nextRun } from '../sync/next-run.ts';
import { isAlive } from './is-alive.ts';

/** How a job fares, out of the data folder: the same whether its server runs or not. */
export function statusOfJob(job: SyncJobConfig, journal: Journal): JobStatus {
  const runs = new JobRuns(journal).of(job.name);
  const holder = JobLease.holder(journal, job.name);
  const [last] = runs.map((run) => statusOfRun(run, holder !== undefined));
  const isPaused = new FollowedJobs(journal).isPaused(job.name);
  return {
    name: job.name,
    schedule: job.schedule?.cron ?? null,
    timeZone: job.schedule?.timeZone ?? null,
    paused: isPaused,
    running: holder !== undefined || last?.outcome === 'running',
    last: last ?? null,
    next: isPaused ? null : nextOf(job, runs, journal),
  };
}

/** The last runs of a job, the latest first. */
export function historyOfJob({ name }: Pick<SyncJobConfig, 'name'>, journal: Journal): readonly RunStatus[] {
  const isHeld = JobLease.holder(journal, name) !== undefined;
  return new JobRuns(journal).of(name).map((run, index) => statusOfRun(run, isHeld && index === 0));
}

/** As `nextRun` needs it; `undefined` for a job without a schedule, and for one that no server has followed yet. */
export function scheduledJob({ name, schedule: configured }: SyncJobConfig, runs: readonly JobRun[], journal: Journal) {
  if (configured === undefined) return undefined;
  const { cron, timeZone, jitterMs } = configured;
  // It comes around: the configuration was checked for that.
  const schedule = parseSchedule(cron, timeZone) as Schedule;
  const followed = new FollowedJobs(journal).find(name, scheduleKey(configured));
  return followed && { schedule, jitterMs, followed, runs };
}

/** Another schedule, or the same text in another time zone, begins anew. */
export function scheduleKey({ cron, timeZone }: NonNullable<SyncJobConfig['schedule']>): string {
  return `${cron} ${timeZone}`;
}

function nextOf(job: SyncJobConfig, runs: readonly JobRun[], journal: Journal): JobStatus['next'] {
  const scheduled = scheduledJob(job, runs, journal);
  if (scheduled === undefined) return null;
  const { atMs, reason } = nextRun(scheduled, journal.now());
  return { at: timeOf(atMs), reason };
}

function statusOfRun(run: JobRun, isHeld: boolean): RunStatus {
  const { reason, pid, startedAtMs, endedAtMs, account } = run;
  const { resumesAtMs, ...told } = account;
  const isRunning = endedAtMs === undefined && (isHeld || isAlive(pid));
  return {
    reason,
    startedAt: timeOf(startedAtMs),
    endedAt: endedAtMs === undefined ? null : timeOf(endedAtMs),
    outcome: run.outcome ?? (isRunning ? 'running' : 'interrupted'),
    ...told,
    ...(resumesAtMs !== undefined && { resumesAt: timeOf(resumesAtMs) }),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
