import type { DatabaseSync } from 'node:sqlite';
import { UsageError } from '../oci/usage-error.ts';

/**
 * Brings a file to the present format, which is the number of migrations, at once or not at all, while no other process
 * has it. Throws UsageError for a format from the future; `what` names the file in that sentence.
 */
export function migrate(database: DatabaseSync, migrations: readonly string[], what: string): void {
  if (versionOf(database) === migrations.length) return;
  database.exec('BEGIN EXCLUSIVE');
  try {
    const version = versionOf(database);
    if (version > migrations.length) {
      throw new UsageError(
        `${what} has format ${version}, and this Wharf knows formats up to ${migrations.length}; ` +
          'use the newer Wharf that wrote it, or another data folder',
      );
    }
    for (const migration of migrations.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}
