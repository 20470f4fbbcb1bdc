import { type FileHandle, open } from 'node:fs/promises';

/**
 * Makes what was committed survive a power cut: outside of the event loop, and once for all who wait meanwhile. SQLite
 * itself would flush in the middle of each commit, and hold up every request so long.
 */
export class LogFlush implements AsyncDisposable {
  readonly #file: string;
  #log: FileHandle | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Of a database in WAL mode with `synchronous = NORMAL`. */
  constructor(database: string) {
    this.#file = `${database}-wal`;
  }

  /** Resolves when all that was committed before the call is on disk. Rejects with what the system says. */
  flush(): Promise<void> {
    this.#next ??= this.#flushAfter(this.#running);
    return this.#next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => undefined);
    await this.#log?.close();
  }

  // The one that is running may have begun before the commit that this one is for.
  async #flushAfter(running: Promise<void> | undefined): Promise<void> {
    await running?.catch(() => undefined);
    this.#running = this.#next;
    this.#next = undefined;
    this.#log ??= await open(this.#file);
    await this.#log.datasync();
  }
}
