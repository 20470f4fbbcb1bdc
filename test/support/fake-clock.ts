import type { Clock } from '../../src/async/clock.ts';

/** Time that passes when somebody sleeps, at once. */
export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;

  constructor(startMs = Date.parse('2026-11-23T10:00:00Z')) {
    this.#nowMs = startMs;
  }

  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  random(): number {
    return 0.5;
  }

  /** In whole milliseconds, as the system's clock. */
  advance(ms: number): void {
    this.#nowMs += Math.ceil(ms);
    this.#elapsedMs += Math.ceil(ms);
  }

  /** Somebody sets the machine's clock, and no time passes. */
  set(byMs: number): void {
    this.#nowMs += byMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.advance(ms);
  }
}
