import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { isBusy, sayWhatToDo } from '../database/disk-error.ts';
import { UsageError } from '../oci/usage-error.ts';
import { openDatabase } from './open-database.ts';

export interface JournalOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told in a sentence what a person should know, and nothing failed for. */
  readonly onNotice: (message: string) => void;
}

const BUSY_TIMEOUT_MS = 50;
const MAX_ATTEMPTS = 100;
/** A transaction of so many rows holds up the process for half a millisecond. */
const ROWS_AT_ONCE = 50;

/**
 * What the processes of one data folder remember together.
 *
 *     DATA/journal-v1/journal.db          SQLite with a write-ahead log; see migrations.ts
 *                     opening.lock        held while the file is checked and brought up to date
 *                     jobs/               see job-lease.ts
 *                     journal.db.corrupt-TIME   what was found damaged, for whoever wants to look
 *
 * Everything here is synchronous, waiting for a lock too: transactions take a fraction of a millisecond, so one that is
 * not over after that belongs to a process that was stopped or a disk that stalls, and who asks for pulls has nothing
 * better to do then. It ends after five seconds with a sentence.
 */
export class Journal implements Disposable {
  /** Below the data folder. */
  readonly folder: string;
  readonly now: () => number;
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(file: string, database: DatabaseSync, now: () => number) {
    this.folder = path.dirname(file);
    this.now = now;
    this.#file = file;
    this.#database = database;
  }

  /** Throws UsageError when the folder cannot be written, or a newer Wharf wrote the file. */
  static open(dataFolder: string, { now, onNotice }: JournalOptions): Journal {
    const file = path.join(dataFolder, 'journal-v1', 'journal.db');
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      const database = openDatabase(file, { busyTimeoutMs: BUSY_TIMEOUT_MS, nowMs: now(), onNotice });
      return new Journal(file, database, now);
    } catch (error) {
      throw sayWhatToDo(error, file);
    }
  }

  /** The same text gives the same statement, prepared once. */
  prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Throws UsageError for a full or failing disk, as `write` does. */
  read<T>(work: () => T): T {
    try {
      return untilNotBusy(work);
    } catch (error) {
      throw sayWhatToDo(error, this.#file);
    }
  }

  /** All of it or nothing, and no other process writes meanwhile. */
  write<T>(work: () => T): T {
    try {
      untilNotBusy(() => this.prepare('BEGIN IMMEDIATE').run());
      const result = work();
      this.prepare('COMMIT').run();
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.prepare('ROLLBACK').run();
      throw sayWhatToDo(error, this.#file);
    }
  }

  /** For what only tidies up: where the disk refuses it, the next write that matters says so. */
  tidy(work: () => void): void {
    try {
      this.write(work);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }

  /** Many rows, a few a transaction: other work and other processes have their turns in between. */
  async writeEach<T>(rows: readonly T[], work: (row: T) => void): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
      if (start > 0) await setImmediate();
      this.write(() => rows.slice(start, start + ROWS_AT_ONCE).forEach(work));
    }
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function untilNotBusy<T>(work: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}
