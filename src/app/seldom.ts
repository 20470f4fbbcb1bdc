import type { Clock } from '../async/clock.ts';

const EVERY_MS = 60_000;

interface Told {
  atMs: number;
  /** What came since then. */
  count: number;
}

/** Of what comes often, when to tell of it: at once, and then once a minute. Keys are expected to be few. */
export class Seldom {
  readonly #clock: Clock;
  readonly #told = new Map<string, Told>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It came. How often since it was told of last, this time included; `undefined`: not to be told of now. */
  due(key: string): number | undefined {
    const nowMs = this.#clock.monotonic();
    const told = this.#told.get(key);
    if (told !== undefined && nowMs - told.atMs < EVERY_MS) {
      told.count += 1;
      return undefined;
    }
    this.#told.set(key, { atMs: nowMs, count: 0 });
    return 1 + (told?.count ?? 0);
  }

  /** How often it came since it was told of last: that is told of now. */
  take(key: string): number {
    const told = this.#told.get(key);
    const count = told?.count ?? 0;
    if (told !== undefined) told.count = 0;
    return count;
  }
}
