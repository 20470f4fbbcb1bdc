import type { Clock } from '../../async/clock.ts';
import { isBusy, sayWhatToDo } from '../../database/disk-error.ts';
import type { Awaitable } from '../../async/awaitable.ts';

const PATIENCE_MS = 30_000;
const PAUSE_MS = 20;
const WHEN_DAMAGED =
  'is damaged; restore it from a backup, or move it away to begin with an empty registry, whose images must be pushed ' +
  'or synced again';

/** Work on a database that another process may hold: SQLite itself waits a moment, and the event loop the rest. */
export class Patience {
  readonly #clock: Clock;
  readonly #file: string;

  constructor(clock: Clock, file: string) {
    this.#clock = clock;
    this.#file = file;
  }

  /** Gives at once what is there at once. Throws, or rejects with, UsageError for what a person can change. */
  read<T>(work: () => T): Awaitable<T> {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw this.say(error);
      return this.run(async () => work());
    }
  }

  /** Work that is begun anew until the other lets go: all of it or nothing happens each time. */
  async run<T>(work: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
    const deadlineMs = this.#clock.monotonic() + patienceMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isBusy(error) || this.#clock.monotonic() >= deadlineMs) throw this.say(error);
        await this.#clock.sleep(PAUSE_MS * (1 + this.#clock.random()));
      }
    }
  }

  say(error: unknown): unknown {
    return sayWhatToDo(error, this.#file, WHEN_DAMAGED);
  }
}
