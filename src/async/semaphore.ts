import { onAbort } from './on-abort.ts';

/** A place held in a semaphore; given back once, by `using` or by hand. */
export interface Slot extends Disposable {
  release(): void;
}

interface Waiter {
  readonly admit: () => void;
}

/** At most `limit` holders at a time, first come, first served. The limit may change while places are held. */
export class Semaphore {
  #limit: number;
  #held = 0;
  readonly #waiters = new Set<Waiter>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  /** Whether somebody waits: the limit is what holds the work back. */
  get isSaturated(): boolean {
    return this.#waiters.size > 0;
  }

  /** Rejects with the signal's reason when it aborts first. */
  async acquire(signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted();
    if (this.#held >= this.#limit || this.#waiters.size > 0) await this.#wait(signal);
    else this.#held += 1;
    return this.#slot();
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason as Error);
      };
      const stay = onAbort(signal, leave);
      const waiter: Waiter = {
        admit: () => {
          stay();
          resolve();
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #slot(): Slot {
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#held -= 1;
      this.#admit();
    };
    return { release, [Symbol.dispose]: release };
  }

  #admit(): void {
    for (const waiter of this.#waiters) {
      if (this.#held >= this.#limit) return;
      this.#waiters.delete(waiter);
      this.#held += 1;
      waiter.admit();
    }
  }
}
