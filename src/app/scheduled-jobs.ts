import type { Clock } from '../async/clock.ts';
import type { SyncJobConfig } from '../config/config.ts';
import { FollowedJobs } from '../journal/followed-jobs.ts';
import { JobLease } from '../journal/job-lease.ts';
import { type JobRun, JobRuns, type RunReason } from '../journal/job-runs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Log } from '../observe/log.ts';
import { isFromTheFuture, nextRun } from '../sync/next-run.ts';
import { accountOf, outcomeOf, readReport } from '../sync/run-outcome.ts';
import type { EndedRun } from './ended-run.ts';
import { isAlive } from './is-alive.ts';
import type { JobEnd, JobProcess, StartJob } from './job-process.ts';
import { scheduleKey, scheduledJob } from './job-status.ts';

export interface ScheduledJobsOptions {
  /** Those of the moment. */
  readonly jobs: () => readonly SyncJobConfig[];
  readonly start: StartJob;
  readonly journal: Journal;
  readonly log: Log;
  readonly clock: Clock;
  /** Told of each run that this server has started. */
  readonly onEnded: (run: EndedRun) => void;
}

interface Running {
  readonly process: JobProcess;
  readonly reason: RunReason;
  readonly startedAtMs: number;
  readonly over: Promise<void>;
  /** Who had it ended before its time. */
  why?: 'stopped' | 'cancelled';
}

const INTERVAL_MS = 1000;
/** After the disk has failed. */
const PAUSE_MS = 60_000;
/** Each takes some hundred megabytes. */
const MOST_AT_ONCE = 4;
/** For what it is at: it is killed then, and goes on from there. */
const GRACE_MS = 15_000;
/** So long another process may take from writing down a run to beginning it. */
const SETTLING_MS = 30_000;

/** Runs jobs by their schedules, each as a process. What it knows is in the journal, so the next server goes on with it. */
export class ScheduledJobs implements AsyncDisposable {
  readonly #options: ScheduledJobsOptions;
  readonly #runs: JobRuns;
  readonly #followed: FollowedJobs;
  readonly #running = new Map<string, Running>();
  readonly #stop = new AbortController();
  #quietUntilMs = -Infinity;
  #over: Promise<void> = Promise.resolve();

  constructor(options: ScheduledJobsOptions) {
    this.#options = options;
    this.#runs = new JobRuns(options.journal);
    this.#followed = new FollowedJobs(options.journal);
  }

  /** Looks every second from now on. */
  begin(): this {
    this.#over = this.#run();
    return this;
  }

  /** Starts what is due. */
  look(): void {
    const { jobs, clock, log } = this.#options;
    if (clock.monotonic() < this.#quietUntilMs) return;
    for (const job of jobs()) {
      try {
        this.#lookAt(job);
      } catch (error) {
        this.#quietUntilMs = clock.monotonic() + PAUSE_MS;
        log.error('schedule not followed', { job: job.name, error: String(error) });
      }
    }
  }

  isRunning(job: string): boolean {
    return this.#running.has(job);
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Throws UsageError when the disk refuses to have it written down. */
  start(job: string, reason: RunReason): void {
    const { start, clock, log } = this.#options;
    const startedAtMs = clock.now();
    const id = this.#runs.begin({ job, reason, pid: process.pid, startedAtMs });
    const child = start(job, (line) => log.info('job output', { job, line }));
    log.info('job started', { job, reason, pid: child.pid });
    const over = child.ended.then((end) => this.#end(job, id, end));
    this.#running.set(job, { process: child, reason, startedAtMs, over });
  }

  /** Whether there was a run of this server to end. It has a while for what it is at. */
  cancel(job: string): boolean {
    const running = this.#running.get(job);
    if (running === undefined) return false;
    void this.#breakOff(running, 'cancelled');
    return true;
  }

  /** Ends all runs, which go on with the next server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#over;
    await Promise.all([...this.#running.values()].map((running) => this.#breakOff(running, 'stopped')));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.look();
      await this.#options.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  #lookAt(job: SyncJobConfig): void {
    const { journal, clock, log } = this.#options;
    const { name, schedule } = job;
    if (schedule === undefined || this.#running.has(name) || this.#running.size >= MOST_AT_ONCE) return;
    this.#follow(name, scheduleKey(schedule));
    const runs = this.#settled(this.#runs.of(name));
    const scheduled = scheduledJob(job, runs, journal);
    if (scheduled === undefined || this.#followed.isPaused(name)) return;
    const nowMs = clock.now();
    const { atMs, reason } = nextRun(scheduled, nowMs);
    if (atMs > nowMs) return;
    const holder = JobLease.holder(journal, name);
    if (holder === undefined) return this.start(name, reason);
    const message = `process ${holder.pid ?? '?'} was running the job already`;
    const id = this.#runs.begin({ job: name, reason, pid: process.pid, startedAtMs: nowMs });
    this.#runs.end(id, { endedAtMs: nowMs, outcome: 'skipped', account: { message } });
    log.info('job skipped', { job: name, holder: holder.pid });
  }

  #follow(job: string, key: string): void {
    const { clock } = this.#options;
    const followed = this.#followed.find(job, key);
    if (followed !== undefined && !isFromTheFuture(followed.sinceMs, clock.now())) return;
    this.#followed.follow(job, key, { sinceMs: clock.now(), share: followed?.share ?? clock.random() });
  }

  /** Nobody else ends the run of a process that was killed. */
  #settled(runs: readonly JobRun[]): readonly JobRun[] {
    const { journal, clock } = this.#options;
    const nowMs = clock.now();
    const isLost = ({ endedAtMs, pid, startedAtMs, job }: JobRun) =>
      endedAtMs === undefined &&
      (!isAlive(pid) || pid === process.pid || nowMs - startedAtMs > SETTLING_MS) &&
      JobLease.holder(journal, job) === undefined;
    const lost = new Set(runs.filter(isLost));
    const ended = { endedAtMs: nowMs, outcome: 'interrupted', account: {} } as const;
    for (const { id } of lost) this.#runs.end(id, ended);
    return runs.map((run) => (lost.has(run) ? { ...run, ...ended } : run));
  }

  #end(job: string, id: number, { exitCode, output, lastLine }: JobEnd): void {
    const { journal, clock, log, onEnded } = this.#options;
    const running = this.#running.get(job);
    this.#running.delete(job);
    if (running === undefined) return;
    const report = readReport(output);
    try {
      const isTaken = exitCode === 2 && JobLease.holder(journal, job) !== undefined;
      const outcome = outcomeOf({ exitCode, why: running.why, isTaken });
      const told = report === undefined ? { message: lastLine } : accountOf(report);
      const account = { ...told, ...(exitCode !== undefined && { exitCode }) };
      const endedAtMs = clock.now();
      const { copied, deferred, failed } = account.tags ?? {};
      log.info('job ended', { job, outcome, exitCode, copied, deferred, failed });
      const { reason, startedAtMs } = running;
      onEnded({ job, reason, startedAtMs, endedAtMs, outcome, account, lies: report?.lies ?? [] });
      this.#runs.end(id, { endedAtMs, outcome, account });
    } catch (error) {
      log.error('run not recorded', { job, error: String(error) });
    }
  }

  async #breakOff(running: Running, why: NonNullable<Running['why']>): Promise<void> {
    running.why = why;
    const { process: child, over } = running;
    child.kill('SIGTERM');
    const isOver = new AbortController();
    const late = this.#options.clock.sleep(GRACE_MS, isOver.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    await over;
    isOver.abort();
    await late;
  }
}
