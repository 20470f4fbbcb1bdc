import type { Clock } from '../async/clock.ts';
import { OciError } from '../oci/errors.ts';
import { patiently } from './patience.ts';
import { Questions } from './questions.ts';
import { UpstreamFailure } from './upstream-failure.ts';

interface Kept<T> {
  readonly entries: readonly T[];
  readonly asOfMs: number;
}

/** Clients wait for a list in the middle of a pull. */
const DEADLINE_MS = 5_000;
const MAX_ENTRIES = 500_000;

/** Lists by a key, as many as fit: the longest unheard of are forgotten. */
export class ListCache<T> {
  readonly #clock: Clock;
  readonly #questions: Questions<readonly T[]>;
  readonly #kept = new Map<string, Kept<T>>();
  #entries = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#questions = new Questions({ clock, deadlineMs: DEADLINE_MS });
  }

  /** Where the upstream gives no answer, what was known before; rejects with UpstreamFailure where nothing was. */
  async get(
    key: string,
    freshForMs: number,
    ask: (signal: AbortSignal) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && Math.abs(this.#clock.now() - kept.asOfMs) < freshForMs) return kept.entries;
    const asking = this.#questions.ask(key, async (signal) => {
      const entries = await ask(signal);
      this.#keep(key, entries);
      return entries;
    });
    try {
      return await (kept === undefined ? asking : patiently(this.#clock, asking));
    } catch (error) {
      if (error instanceof OciError) this.#drop(key);
      if (error instanceof UpstreamFailure && kept !== undefined) return kept.entries;
      throw error;
    }
  }

  #keep(key: string, entries: readonly T[]): void {
    this.#drop(key);
    this.#kept.set(key, { entries, asOfMs: this.#clock.now() });
    this.#entries += entries.length + 1;
    for (const oldest of this.#kept.keys()) {
      if (this.#entries <= MAX_ENTRIES || oldest === key) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#entries -= kept.entries.length + 1;
  }
}
