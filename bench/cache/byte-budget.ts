import { setTimeout } from 'node:timers/promises';

/** What may be caught up with after a pause; timers are late by a millisecond or two. */
const BURST_MS = 5;

/** So many bytes a second, for all who send together, in the order in which they ask. */
export class ByteBudget {
  readonly #bytesPerMs: number;
  #nextMs = 0;

  /** `undefined`: as many as anybody likes. */
  constructor(bytesPerSecond?: number) {
    this.#bytesPerMs = bytesPerSecond === undefined ? Infinity : bytesPerSecond / 1000;
  }

  async take(bytes: number): Promise<void> {
    if (this.#bytesPerMs === Infinity) return;
    const nowMs = performance.now();
    const dueMs = Math.max(this.#nextMs, nowMs - BURST_MS);
    this.#nextMs = dueMs + bytes / this.#bytesPerMs;
    if (dueMs > nowMs) await setTimeout(dueMs - nowMs);
  }
}
