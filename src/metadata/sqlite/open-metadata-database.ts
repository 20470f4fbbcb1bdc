import { DatabaseSync } from 'node:sqlite';
import { migrate } from '../../database/migrate.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { LogFlush } from './log-flush.ts';
import { MIGRATIONS } from './migrations.ts';

const BUSY_TIMEOUT_MS = 50;
const MAX_LOG_BYTES = 64 * 1024 * 1024;
export const IN_MEMORY = ':memory:';

export interface Connections {
  readonly writer: DatabaseSync;
  /** Sees only what was committed. In memory it is the writer, as there is nothing to share. */
  readonly reader: DatabaseSync;
  readonly log?: LogFlush | undefined;
}

/** Opens the file, or makes it, in the present format. Throws what SQLite throws, and UsageError for a later format. */
export function openConnections(file: string): Connections {
  const writer = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    if (file === IN_MEMORY) {
      migrate(writer, MIGRATIONS, 'the database');
      return { writer, reader: writer };
    }
    const mode = writer.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
    if (mode !== 'wal') {
      throw new UsageError(`the database ${file} lies where processes cannot share it; use a folder on a local disk`);
    }
    // What was acknowledged stays when the power goes: LogFlush sees to that, and not each commit.
    writer.exec(`PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`);
    migrate(writer, MIGRATIONS, `the database ${file}`);
    const reader = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, readOnly: true });
    return { writer, reader, log: new LogFlush(file) };
  } catch (error) {
    writer.close();
    throw error;
  }
}
