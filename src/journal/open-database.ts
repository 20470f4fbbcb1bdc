import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DamagedFileError, isDamage } from '../database/disk-error.ts';
import { migrate } from '../database/migrate.ts';
import { UsageError } from '../oci/usage-error.ts';
import { FileLock } from '../database/file-lock.ts';
import { MIGRATIONS } from './migrations.ts';

interface OpenOptions {
  readonly busyTimeoutMs: number;
  readonly nowMs: number;
  readonly onNotice: (message: string) => void;
}

/** A check of the largest journal takes far less. */
const LONGEST_OPENING_MS = 30_000;

/**
 * Opens the file, or makes it; a damaged one is moved aside first, which is said. One process at a time: of several
 * that find the damage, the second would else move away what the first has just begun.
 */
export function openDatabase(file: string, options: OpenOptions): DatabaseSync {
  using lock = FileLock.take(path.join(path.dirname(file), 'opening.lock'), LONGEST_OPENING_MS);
  if (lock === undefined) {
    throw new UsageError(`another process has been opening the journal ${file} for too long; end it, or try again`);
  }
  try {
    return openSound(file, options);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = moveAside(file, options.nowMs);
    const reason = (error as Error).message;
    options.onNotice(`the journal ${file} was damaged (${reason}); it is now ${aside}, and a new one begins`);
    return openSound(file, options);
  }
}

function openSound(file: string, { busyTimeoutMs }: OpenOptions): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    const verdict = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw new DamagedFileError(String(verdict).split('\n').at(-1));
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    if (mode !== 'wal') {
      throw new UsageError(
        `the journal ${file} lies where processes cannot share it; use a data folder on a local disk`,
      );
    }
    // What a power cut takes is the last moments, never the order: the upstream's next answer corrects the account.
    database.exec('PRAGMA synchronous = NORMAL');
    migrate(database, MIGRATIONS, `the journal ${file}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

// The database goes first: SQLite drops a log that belongs to none, but would use one whose database is still there.
function moveAside(file: string, nowMs: number): string {
  const utc = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '');
  const aside = `${file}.corrupt-${utc}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  }
  return aside;
}
