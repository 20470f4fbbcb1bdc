import { onAbort } from '../../async/on-abort.ts';

/** What many wait for: the leaving of one ends nothing, and that of the last ends it. */
export class Opening<T> {
  /** Never rejects. */
  readonly settled: Promise<void>;
  readonly #abort = new AbortController();
  readonly #waiters = new Set<PromiseWithResolvers<T>>();
  #isSettled = false;

  /** `onOpened` is told how many waited to the end, before they go on. */
  constructor(work: (signal: AbortSignal) => Promise<T>, onOpened: (opened: T, waiters: number) => void) {
    this.settled = this.#run(work, onOpened);
  }

  /** Whether there is still something to wait for. */
  get isOpen(): boolean {
    return !this.#isSettled && !this.#abort.signal.aborted;
  }

  /** Rejects with what the work rejects with, or with the signal's reason. */
  async wait(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const waiter = Promise.withResolvers<T>();
    this.#waiters.add(waiter);
    const forget = onAbort(signal, () => {
      this.#waiters.delete(waiter);
      waiter.reject(signal.reason);
      if (this.#waiters.size === 0) this.#abort.abort(signal.reason);
    });
    try {
      return await waiter.promise;
    } finally {
      forget();
    }
  }

  /** All who wait fail with the reason. */
  end(reason: unknown): void {
    this.#abort.abort(reason);
    this.#settle(({ reject }) => reject(reason));
  }

  async #run(work: (signal: AbortSignal) => Promise<T>, onOpened: (opened: T, waiters: number) => void): Promise<void> {
    try {
      const opened = await work(this.#abort.signal);
      this.#isSettled = true;
      onOpened(opened, this.#waiters.size);
      this.#settle(({ resolve }) => resolve(opened));
    } catch (error) {
      this.#settle(({ reject }) => reject(error));
    }
  }

  #settle(tell: (waiter: PromiseWithResolvers<T>) => void): void {
    this.#isSettled = true;
    for (const waiter of this.#waiters) tell(waiter);
    this.#waiters.clear();
  }
}
