import type { Clock } from '../async/clock.ts';
import { OciError } from '../oci/errors.ts';

/** How long "there is no such thing" is believed. */
const NEGATIVE_MS = 10_000;
/** How long an upstream that failed is left alone with the same question. */
const TROUBLE_MS = 5_000;
const MAX_REMEMBERED = 10_000;

interface Remembered {
  readonly error: unknown;
  readonly untilMs: number;
}

/** A failure is the answer for a short while, so that nobody's retries become the upstream's. */
export class FailureMemory {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is to be thrown instead of asking. */
  get(key: string): { readonly error: unknown } | undefined {
    const failure = this.#failures.get(key);
    return failure !== undefined && failure.untilMs > this.#clock.monotonic() ? failure : undefined;
  }

  remember(key: string, error: unknown): void {
    const forMs = error instanceof OciError ? NEGATIVE_MS : TROUBLE_MS;
    this.#failures.delete(key);
    this.#failures.set(key, { error, untilMs: this.#clock.monotonic() + forMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
