// The accounts of a data folder, which all of its processes share.
//
//     DATA/accounts-v1/accounts.db     SQLite with a write-ahead log, for its owner alone; see migrations.ts
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { sayWhatToDo } from '../database/disk-error.ts';
import { migrate } from '../database/migrate.ts';
import { UsageError } from '../oci/usage-error.ts';
import { MIGRATIONS } from './migrations.ts';

/** Whoever writes here is done in a moment. */
const BUSY_TIMEOUT_MS = 2000;
const SECRET_BYTES = 32;
export const ACCOUNTS_FOLDER = 'accounts-v1';
const DAMAGED = 'is damaged; restore it from a backup, or remove it and make the accounts anew';

export class AccountStore implements Disposable {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #writes = 0;
  #seen = '';
  #changes = 0;

  private constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
  }

  /** Throws UsageError when the folder cannot be written, or a newer Wharf wrote the file. */
  static open(dataFolder: string): AccountStore {
    const folder = path.join(dataFolder, ACCOUNTS_FOLDER);
    const file = path.join(folder, 'accounts.db');
    try {
      mkdirSync(dataFolder, { recursive: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      chmodSync(folder, 0o700);
      // SQLite gives its other files the rights of this one.
      closeSync(openSync(file, 'a', 0o600));
      return new AccountStore(file, openDatabase(file));
    } catch (error) {
      throw sayWhatToDo(error, file, DAMAGED);
    }
  }

  /** Grows with each change of accounts and tokens, by whichever process. */
  get changes(): number {
    const seen = `${String(this.read('PRAGMA data_version')[0]?.['data_version'])} ${this.#writes}`;
    if (seen !== this.#seen) this.#changes = Number(this.read('SELECT count FROM changes')[0]?.['count']);
    this.#seen = seen;
    return this.#changes;
  }

  /** Random bytes that all processes have in common; the first to ask makes them. */
  secret(name: string): Uint8Array {
    this.write('INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING', name, randomBytes(SECRET_BYTES));
    const bytes = this.read('SELECT bytes FROM secrets WHERE name = ?', name)[0]?.['bytes'];
    if (bytes instanceof Uint8Array) return bytes;
    throw new Error(`there is no secret ${name}`);
  }

  read(sql: string, ...values: readonly (string | number)[]): Record<string, SQLOutputValue>[] {
    try {
      return this.#prepare(sql).all(...values);
    } catch (error) {
      throw sayWhatToDo(error, this.#file, DAMAGED);
    }
  }

  /** Gives how many rows it changed. */
  write(sql: string, ...values: readonly (string | number | null | Uint8Array)[]): number {
    try {
      this.#writes += 1;
      return Number(this.#prepare(sql).run(...values).changes);
    } catch (error) {
      throw sayWhatToDo(error, this.#file, DAMAGED);
    }
  }

  /** All of it or nothing, and no other process writes meanwhile. */
  transaction<T>(work: () => T): T {
    this.write('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.write('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    if (mode !== 'wal') {
      throw new UsageError(`the accounts ${file} lie where processes cannot share them; use a folder on a local disk`);
    }
    database.exec('PRAGMA synchronous = FULL');
    migrate(database, MIGRATIONS, `the accounts ${file}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
