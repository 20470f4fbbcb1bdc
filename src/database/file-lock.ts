// A lock between processes that the operating system gives back when its holder ends, however it ends. SQLite's, on an
// empty file of its own, as Node has no other: unlike a process id in a file it cannot outlive a reboot, be mistaken
// for another process, or stop at the border of a container.
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, isDamage } from './disk-error.ts';

export class FileLock implements Disposable {
  /** Or the garbage collector would give back a lock whose holder only waits for the end of the process. */
  static readonly #held = new Set<FileLock>();
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    FileLock.#held.add(this);
  }

  /** `undefined` when another holder did not let go within `waitMs`. The file stays when the lock is given back. */
  static take(file: string, waitMs = 0): FileLock | undefined {
    try {
      return FileLock.#tryTake(file, waitMs);
    } catch (error) {
      if (!isDamage(error)) throw error;
      // Nothing is ever written to it, so nobody's lock is on what it holds now.
      rmSync(file, { force: true });
      return FileLock.#tryTake(file, waitMs);
    }
  }

  static #tryTake(file: string, waitMs: number): FileLock | undefined {
    const database = new DatabaseSync(file, { timeout: waitMs });
    try {
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      return new FileLock(database);
    } catch (error) {
      database.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    FileLock.#held.delete(this);
    if (this.#database.isOpen) this.#database.close();
  }
}
