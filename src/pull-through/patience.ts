import type { Clock } from '../async/clock.ts';
import { silence } from './upstream-failure.ts';

/** So long a client waits for a new answer where there is an older one. */
const PATIENCE_MS = 3_000;
/** So long it waits for an upstream that did not answer a moment ago. */
const LITTLE_PATIENCE_MS = 100;
/** So long an upstream is taken to be silent, unless it answers. */
const SILENT_MS = 30_000;

/** Clients' patience with upstreams: who has let one wait in vain lets others wait for a moment only. */
export class Patience {
  readonly #clock: Clock;
  readonly #silentUntilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer, or a `silent` UpstreamFailure if it takes too long; it may come later, for others. */
  async wait<T>(upstream: string, answer: Promise<T>): Promise<T> {
    const isSilent = (this.#silentUntilMs.get(upstream) ?? 0) > this.#clock.monotonic();
    answer.then(
      () => this.#silentUntilMs.delete(upstream),
      () => undefined,
    );
    return await patiently(this.#clock, answer, isSilent ? LITTLE_PATIENCE_MS : PATIENCE_MS, () => {
      this.#silentUntilMs.set(upstream, this.#clock.monotonic() + SILENT_MS);
    });
  }
}

/** The same without a memory. */
export async function patiently<T>(
  clock: Clock,
  answer: Promise<T>,
  ms = PATIENCE_MS,
  onSilence: () => void = () => undefined,
): Promise<T> {
  const over = new AbortController();
  const tooLate = clock.sleep(ms, over.signal).then(() => {
    onSilence();
    throw silence(ms);
  });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    over.abort();
  }
}
