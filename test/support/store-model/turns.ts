import type { Random } from './random.ts';

const MAX_EVENTS_BETWEEN = 100;

/** Work that is done again and again beside other things, each time after some events, and one at a time. */
export class Turns {
  readonly #random: Random;
  readonly #work: () => Promise<void>;
  #events = 0;
  #due = 0;
  #turn: Promise<void> | undefined;
  #isClosed = false;

  /** `work` never rejects. */
  constructor(random: Random, work: () => Promise<void>) {
    this.#random = random;
    this.#work = work;
  }

  count(): void {
    this.#events += 1;
    if (this.#isClosed || this.#turn !== undefined || this.#events < this.#due) return;
    this.#due = this.#events + this.#random.below(MAX_EVENTS_BETWEEN);
    this.#turn = this.#work().finally(() => (this.#turn = undefined));
  }

  /** Resolves when the last one is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }
}
