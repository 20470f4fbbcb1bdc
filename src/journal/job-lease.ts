import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { sayWhatToDo } from '../database/disk-error.ts';
import { UsageError } from '../oci/usage-error.ts';
import { FileLock } from '../database/file-lock.ts';
import type { Journal } from './journal.ts';

/** Who only looks whether a job is run holds its lock for a moment. */
const LOOK_MS = 100;

/**
 * The right to run a job, held by one process of the data folder. Dispose of it before the journal.
 *
 *     DATA/journal-v1/jobs/0123456789abcdef.lock       locked while the job of that hash runs
 *
 * The lock decides, so whoever dies gives it back; the row in the journal only tells others who has it.
 */
export class JobLease implements Disposable {
  readonly #lock: FileLock;
  readonly #journal: Journal;
  readonly #job: string;

  private constructor(lock: FileLock, journal: Journal, job: string) {
    this.#lock = lock;
    this.#journal = journal;
    this.#job = job;
  }

  /** Throws UsageError that names the process which runs the job. `pid` is of this one. */
  static take(journal: Journal, job: string, pid: number): JobLease {
    const lock = lockOf(journal.folder, job, LOOK_MS);
    if (lock === undefined) throw new UsageError(`job "${job}" is already running${holderOf(journal, job)}`);
    try {
      journal.write(() => {
        journal
          .prepare('INSERT OR REPLACE INTO running_jobs (job, pid, started_at) VALUES (?, ?, ?)')
          .run(job, pid, journal.now());
      });
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    return new JobLease(lock, journal, job);
  }

  /** Who runs the job, as far as is known; `undefined` when nobody does. */
  static holder(journal: Journal, job: string): { readonly pid?: number; readonly sinceMs?: number } | undefined {
    const lock = lockOf(journal.folder, job);
    if (lock === undefined) return rowOf(journal, job) ?? {};
    lock[Symbol.dispose]();
    return undefined;
  }

  [Symbol.dispose](): void {
    try {
      this.#journal.tidy(() => this.#journal.prepare('DELETE FROM running_jobs WHERE job = ?').run(this.#job));
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }
}

// Names of jobs are people's, so the file is named by a hash.
function lockOf(folder: string, job: string, waitMs = 0): FileLock | undefined {
  const file = path.join(folder, 'jobs', `${createHash('sha256').update(job).digest('hex').slice(0, 16)}.lock`);
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    return FileLock.take(file, waitMs);
  } catch (error) {
    throw sayWhatToDo(error, file);
  }
}

function holderOf(journal: Journal, job: string): string {
  const holder = rowOf(journal, job);
  if (holder === undefined) return '; wait for its end';
  const since = new Date(holder.sinceMs).toISOString();
  return ` in process ${holder.pid} since ${since}; wait for its end, or stop it`;
}

function rowOf(journal: Journal, job: string) {
  const row = journal.read(() => journal.prepare('SELECT pid, started_at FROM running_jobs WHERE job = ?').get(job));
  return row && { pid: Number(row['pid']), sinceMs: Number(row['started_at']) };
}
