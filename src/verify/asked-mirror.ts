// How one mirror is asked. Until it has answered once, one question at a time: whoever hangs costs a few deadlines, and
// not as many as there are tags.
import type { Clock } from '../async/clock.ts';
import { withinDeadline } from '../async/deadline.ts';
import { Semaphore } from '../async/semaphore.ts';
import type { Call } from '../oci/repository.ts';
import { NoAnswer, type Outcome, findingOf, isLasting } from './findings.ts';

export interface AskedMirrorOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called once, with the reason, when it is given up. */
  readonly onGivenUp: (reason: string) => void;
}

const QUESTIONS_AT_ONCE = 16;
const FIRST_ANSWER_MS = 15_000;
/** It covers retries, and turns at a mirror that allows a request a second. */
const ANSWER_MS = 60_000;
/** So many failures in a row, and all others would fail as well. */
const FAILURES_TO_GIVE_UP = 3;

/** An answer, or what the lack of one means. */
export type Answer<T> = { readonly answer: T } | { readonly failure: Outcome };

export class AskedMirror {
  readonly #options: AskedMirrorOptions;
  readonly #turns = new Semaphore(1);
  #hasAnswered = false;
  #failuresInARow = 0;
  #givenUp: Outcome | undefined;

  constructor(options: AskedMirrorOptions) {
    this.#options = options;
  }

  /**
   * Asks in its turn, with an end. `longerMs`: what the answer may take beyond a small one. Throws only when the signal
   * aborts, or for what is not the mirror's fault.
   */
  async ask<T>(question: (call: Call) => Promise<T>, longerMs = 0): Promise<Answer<T>> {
    const { signal } = this.#options;
    using _turn = await this.#turns.acquire(signal);
    signal?.throwIfAborted();
    if (this.#givenUp !== undefined) return { failure: this.#givenUp };
    try {
      const answer = await this.#withinDeadline(question, longerMs);
      this.#answered();
      return { answer };
    } catch (error) {
      signal?.throwIfAborted();
      const failure = findingOf(error);
      if (isLasting(error)) this.#failed(failure);
      else this.#answered();
      return { failure };
    }
  }

  async #withinDeadline<T>(question: (call: Call) => Promise<T>, longerMs: number): Promise<T> {
    const { name, clock, signal } = this.#options;
    const ms = (this.#hasAnswered ? ANSWER_MS : FIRST_ANSWER_MS) + longerMs;
    const reason = () => new NoAnswer(`${name} gave no answer within ${Math.round(ms / 1000)} s`);
    return await withinDeadline({ clock, ms, reason }, (deadline) =>
      question({ signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) }),
    );
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#failuresInARow = 0;
    this.#turns.limit = QUESTIONS_AT_ONCE;
  }

  #failed(failure: Outcome): void {
    this.#failuresInARow += 1;
    if (this.#failuresInARow < FAILURES_TO_GIVE_UP || this.#givenUp !== undefined) return;
    const reason = failure.detail ?? failure.finding;
    this.#givenUp = { ...failure, detail: `not asked, after ${FAILURES_TO_GIVE_UP} failures in a row: ${reason}` };
    this.#turns.limit = QUESTIONS_AT_ONCE;
    this.#options.onGivenUp(reason);
  }
}
