import type { Clock } from '../../src/async/clock.ts';

/** Time that passes when somebody sleeps, at once. */
export class FakeClock implements Clock {
  readonly #startMs: number;
  #nowMs: number;

  constructor(startMs = Date.parse('2026-11-23T10:00:00Z')) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  get elapsedMs(): number {
    return this.#nowMs - this.#startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.advance(ms);
  }
}
