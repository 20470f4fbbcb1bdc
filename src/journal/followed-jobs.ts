import type { Journal } from './journal.ts';

export interface FollowedJob {
  /** What the schedule wanted before then was never due. */
  readonly sinceMs: number;
  /** 0 <= x < 1: which part of the job's jitter this machine waits. */
  readonly share: number;
}

/** Since when this machine runs which jobs by their schedules, and which of them it does not run for now. */
export class FollowedJobs {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** `undefined` for one that has been followed by another schedule, or not at all. */
  find(job: string, schedule: string): FollowedJob | undefined {
    const select = 'SELECT since, share FROM followed_jobs WHERE job = ? AND schedule = ?';
    const row = this.#journal.read(() => this.#journal.prepare(select).get(job, schedule));
    return row && { sinceMs: Number(row['since']), share: Number(row['share']) };
  }

  /** From now on, by this schedule. */
  follow(job: string, schedule: string, { sinceMs, share }: FollowedJob): void {
    const insert = 'INSERT OR REPLACE INTO followed_jobs (job, schedule, since, share) VALUES (?, ?, ?, ?)';
    this.#journal.write(() => this.#journal.prepare(insert).run(job, schedule, sinceMs, share));
  }

  isPaused(job: string): boolean {
    const select = 'SELECT paused_at FROM paused_jobs WHERE job = ?';
    return this.#journal.read(() => this.#journal.prepare(select).get(job)) !== undefined;
  }

  pause(job: string): void {
    const insert = 'INSERT OR IGNORE INTO paused_jobs (job, paused_at) VALUES (?, ?)';
    this.#journal.write(() => this.#journal.prepare(insert).run(job, this.#journal.now()));
  }

  /** What the schedule wanted meanwhile is not caught up. */
  resume(job: string): void {
    const { now } = this.#journal;
    this.#journal.write(() => {
      this.#journal.prepare('DELETE FROM paused_jobs WHERE job = ?').run(job);
      this.#journal.prepare('UPDATE followed_jobs SET since = ? WHERE job = ?').run(now(), job);
    });
  }
}
