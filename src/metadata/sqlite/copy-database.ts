import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * A copy to try something on. It lies beside the original, whose disk has room for such a file, and its name is gone
 * before it is used: so nothing of it outlives the process. To be called outside of a transaction, by one process at a
 * time.
 */
export function copyDatabase(original: DatabaseSync): DatabaseSync {
  const location = original.location();
  const folder = location === null ? mkdtempSync(path.join(tmpdir(), 'wharf-copy-')) : path.dirname(location);
  const file = path.join(folder, 'copy.db');
  // What a process left that was killed here.
  rmSync(file, { force: true });
  try {
    original.prepare('VACUUM INTO ?').run(file);
    const copy = new DatabaseSync(file);
    copy.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
    return copy;
  } finally {
    rmSync(location === null ? folder : file, { recursive: true, force: true });
  }
}
