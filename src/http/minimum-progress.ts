import type { Clock } from '../async/clock.ts';

export interface ProgressLimits {
  /** How long the other side may do nothing at all. */
  readonly graceMs: number;
  /** What it has to reach on the whole: each byte buys it time. */
  readonly bytesPerSecond: number;
}

/**
 * A deadline that moves with the bytes: a transfer may take as long as it needs while it goes on, and one byte a minute
 * does not hold a connection. Only the time that the other side keeps us waiting counts. What was bought earlier is
 * kept up to `graceMs`, so that a fast beginning does not pay for a standstill.
 */
export class MinimumProgress {
  readonly #clock: Clock;
  readonly #limits: ProgressLimits;
  #creditMs: number;
  #waitingSinceMs: number | undefined;

  constructor(clock: Clock, limits: ProgressLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#creditMs = limits.graceMs;
  }

  /** From here on it is the other side's turn. */
  startWaiting(): void {
    this.#waitingSinceMs = this.#clock.monotonic();
  }

  stopWaiting(): void {
    this.#creditMs -= this.#waitedMs();
    this.#waitingSinceMs = undefined;
  }

  /** Bytes that came, or that are to go. */
  add(sizeBytes: number): void {
    const boughtMs = (sizeBytes / this.#limits.bytesPerSecond) * 1000;
    this.#creditMs = Math.min(this.#creditMs, this.#limits.graceMs) + boughtMs;
  }

  get isOver(): boolean {
    return this.#waitedMs() > this.#creditMs;
  }

  #waitedMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : this.#clock.monotonic() - this.#waitingSinceMs;
  }
}
