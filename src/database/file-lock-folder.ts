// Locks by name, of which there are many, each for a while: a file is there only while its lock is held, or its holder was
// killed. Who has opened a file that is being removed could lock it, and hold what nobody else sees. Files therefore come
// and go under one lock more, which is held for a moment, and whose file stays.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { FileLock } from './file-lock.ts';

const GUARD = 'locks.guard';
const SUFFIX = '.lock';
/** Far longer than anybody holds the guard. */
const GUARD_WAIT_MS = 1000;

/** The processes that share a folder have to agree on it; it is there already. */
export class FileLockFolder {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = folder;
  }

  /** `undefined` while somebody has it. The name becomes that of a file. Disposing of it never throws. */
  take(name: string): Disposable | undefined {
    using guard = this.#guard();
    if (guard === undefined) return undefined;
    const file = path.join(this.#path, `${name}${SUFFIX}`);
    const lock = FileLock.take(file);
    return lock && new NamedLock({ lock, file, guard: () => this.#guard() });
  }

  #guard(): FileLock | undefined {
    return FileLock.take(path.join(this.#path, GUARD), GUARD_WAIT_MS);
  }
}

interface Held {
  readonly lock: FileLock;
  readonly file: string;
  readonly guard: () => FileLock | undefined;
}

class NamedLock implements Disposable {
  #held: Held | undefined;

  constructor(held: Held) {
    this.#held = held;
  }

  [Symbol.dispose](): void {
    if (this.#held === undefined) return;
    const { lock, file, guard } = this.#held;
    this.#held = undefined;
    using _released = lock;
    try {
      using guarded = guard();
      if (guarded !== undefined) rmSync(file, { force: true });
    } catch {
      // Whatever the disk refuses: a file that stays does no harm, and the lock is given back all the same.
    }
  }
}
