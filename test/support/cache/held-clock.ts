import { setImmediate as nextTurn } from 'node:timers/promises';
import { onAbort } from '../../../src/async/on-abort.ts';
import { FakeClock } from '../fake-clock.ts';

/** From here on a sleep is a deadline or a patience, not a pause between two attempts. */
const LONG_MS = 2_500;
const STEP_MS = 500;
/** Enough for an answer to come from the other end of this process. */
const TURNS_A_STEP = 12;

interface Sleeper {
  readonly wakesAtMs: number;
  readonly wake: () => void;
}

/** Short sleeps pass at once, as with FakeClock; long ones last until somebody lets the time pass. */
export class HeldClock extends FakeClock {
  readonly #sleepers = new Set<Sleeper>();

  override advance(ms: number): void {
    super.advance(ms);
    for (const sleeper of this.#sleepers) if (sleeper.wakesAtMs <= this.monotonic()) sleeper.wake();
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms < LONG_MS) return await super.sleep(ms, signal);
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const sleeper = {
        wakesAtMs: this.monotonic() + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          forget();
          resolve();
        },
      };
      const forget = onAbort(signal, () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      });
      this.#sleepers.add(sleeper);
    });
  }

  /** Lets so much time pass, half a second after the other, so that what comes of each can happen. */
  async pass(ms: number): Promise<void> {
    await this.#passWhile((passedMs) => passedMs < ms);
  }

  /** Lets time pass until the answer is there, and tells how much it took, to a second. */
  async passUntil<T>(answer: Promise<T>): Promise<{ readonly answer: T; readonly tookMs: number }> {
    const beganMs = this.monotonic();
    const over = new AbortController();
    const end = () => over.abort();
    answer.then(end, end);
    await this.#passWhile(() => !over.signal.aborted);
    return { answer: await answer, tookMs: this.monotonic() - beganMs };
  }

  async #passWhile(goesOn: (passedMs: number) => boolean): Promise<void> {
    for (let turns = 0; goesOn(Math.floor(turns / TURNS_A_STEP) * STEP_MS);) {
      await nextTurn();
      turns += 1;
      if (turns % TURNS_A_STEP === 0) this.advance(STEP_MS);
    }
  }
}
