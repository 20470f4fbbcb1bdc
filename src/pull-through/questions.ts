import type { Clock } from '../async/clock.ts';
import { withinDeadline } from '../async/deadline.ts';
import { SingleFlight } from '../async/single-flight.ts';
import { FailureMemory } from './failure-memory.ts';
import { silence } from './upstream-failure.ts';

export interface QuestionsOptions {
  readonly clock: Clock;
  /** An upstream that has not answered by then is silent. */
  readonly deadlineMs?: number | undefined;
}

/** Clients give up after 30 seconds, and are to be told why before. */
export const ANSWER_DEADLINE_MS = 25_000;

/**
 * Questions to an upstream, one at a time a key: all who ask meanwhile wait for the same answer, and none of them ends
 * it by leaving.
 */
export class Questions<T> {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #flights = new SingleFlight<string, T>();
  readonly #failures: FailureMemory;

  constructor({ clock, deadlineMs = ANSWER_DEADLINE_MS }: QuestionsOptions) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#failures = new FailureMemory(clock);
  }

  /** Rejects with what `question` rejects with, or with a `silent` UpstreamFailure. */
  ask(key: string, question: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const failure = this.#failures.get(key);
    if (failure !== undefined) return Promise.reject(failure.error);
    return this.#flights.run(key, () => this.#ask(key, question));
  }

  /** What failed a moment ago may be asked again: something has changed. */
  forget(key: string): void {
    this.#failures.forget(key);
  }

  async #ask(key: string, question: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = { clock: this.#clock, ms: this.#deadlineMs, reason: () => silence(this.#deadlineMs) };
    try {
      const answer = await withinDeadline(deadline, question);
      this.#failures.forget(key);
      return answer;
    } catch (error) {
      this.#failures.remember(key, error);
      throw error;
    }
  }
}
