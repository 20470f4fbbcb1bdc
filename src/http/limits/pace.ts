import type { Clock } from '../../async/clock.ts';

const BURST_MS = 1000;

/**
 * How much of something there may be: so many units a second, and what was not used of the last second. Two numbers
 * whatever the rate: the time up to which all has been used is what is remembered (GCRA).
 */
export class Pace {
  readonly #clock: Clock;
  readonly #msPerUnit: number;
  readonly #burstMs: number;
  #usedUpToMs = -Infinity;

  /** `Infinity`: no limit. */
  constructor(clock: Clock, unitsPerSecond: number) {
    this.#clock = clock;
    this.#msPerUnit = 1000 / unitsPerSecond;
    this.#burstMs = Math.max(BURST_MS, this.#msPerUnit);
  }

  /** Takes a unit when there is one. Gives the milliseconds until there is: 0 when it was taken. */
  tryTake(): number {
    const [nowMs, usedUpToMs] = this.#after(1);
    const waitMs = Math.max(0, usedUpToMs - nowMs);
    if (waitMs === 0) this.#usedUpToMs = usedUpToMs;
    return waitMs;
  }

  /** Takes them in any case. Gives how long whoever took them has to wait before he takes more. */
  take(units: number): number {
    const [nowMs, usedUpToMs] = this.#after(units);
    this.#usedUpToMs = usedUpToMs;
    return Math.max(0, usedUpToMs - nowMs);
  }

  /** Whether nothing of what was taken counts any more. */
  get isRested(): boolean {
    return this.#usedUpToMs <= this.#clock.monotonic() - this.#burstMs;
  }

  #after(units: number): readonly [nowMs: number, usedUpToMs: number] {
    const nowMs = this.#clock.monotonic();
    return [nowMs, Math.max(this.#usedUpToMs, nowMs - this.#burstMs) + units * this.#msPerUnit];
  }
}
