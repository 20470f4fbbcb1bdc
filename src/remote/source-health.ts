// One record per origin of how it fares: how fast it may be asked, how many requests it bears at once, and whether it
// is to be left alone for a while. Adaptive concurrency is TCP's: double while all goes well, halve when it does not.
import type { Clock } from '../async/clock.ts';
import { Semaphore, type Slot } from '../async/semaphore.ts';

export interface HealthOptions {
  readonly clock: Clock;
  /** Requests a second; no limit when absent. */
  readonly ratePerSecond?: number | undefined;
  /** Requests in flight, and as many transfers, that are never exceeded, however well it goes. */
  readonly maxConcurrency?: number | undefined;
}

/**
 * The places that a request takes. A `transfer` is a body that is read while another request waits for its bytes: it has
 * places of its own, or who holds one could wait for ever for who waits for it. One that is `continued`, after a break,
 * takes none: the request that waits for the rest holds a place already.
 */
export type Place = 'request' | 'transfer' | 'continued';

const FIRST_CONCURRENCY = 8;
const MAX_CONCURRENCY = 64;
/** So many failures in a row, and the origin is left alone for a while. */
const FAILURES_TO_BENCH = 8;
const NO_SLOT: Slot = { release: () => undefined, [Symbol.dispose]: () => undefined };
const FIRST_BENCH_MS = 2_000;
const LONGEST_BENCH_MS = 60_000;
/** Past this an origin that does nothing but fail is not waited for any more. */
const LONGEST_OUTAGE_MS = 5 * 60_000;

export class SourceHealth {
  readonly #clock: Clock;
  readonly #requests: Semaphore;
  readonly #transfers: Semaphore;
  readonly #maxConcurrency: number;
  readonly #intervalMs: number;
  readonly #burstMs: number;
  #nextTurnMs = 0;
  #pausedUntilMs = 0;
  #isAskedToWait = false;
  #growth: 'doubling' | 'steady' = 'doubling';
  #successes = 0;
  #failuresInARow = 0;
  #failingSinceMs: number | undefined;

  constructor({ clock, ratePerSecond, maxConcurrency = MAX_CONCURRENCY }: HealthOptions) {
    this.#clock = clock;
    this.#maxConcurrency = maxConcurrency;
    this.#requests = new Semaphore(Math.min(FIRST_CONCURRENCY, maxConcurrency));
    this.#transfers = new Semaphore(this.#requests.limit);
    this.#intervalMs = ratePerSecond === undefined ? 0 : 1000 / ratePerSecond;
    this.#burstMs = ratePerSecond === undefined ? 0 : Math.max(0, 1000 - this.#intervalMs);
  }

  /**
   * Waits for a turn: for a place, for the end of a pause, and for the request rate. The caller releases the place.
   * `checkPause` throws for a pause that is not worth waiting for; one may begin while others are waiting already.
   */
  async admit(
    signal?: AbortSignal,
    place: Place = 'request',
    checkPause: (pauseMs: number) => void = () => undefined,
  ): Promise<Slot> {
    checkPause(this.pauseMs);
    const slot = await this.#acquire(place, signal);
    try {
      for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs()) {
        checkPause(this.pauseMs);
        await this.#clock.sleep(waitMs, signal);
      }
    } catch (error) {
      slot.release();
      throw error;
    }
    this.#takeTurn();
    return slot;
  }

  get concurrency(): number {
    return this.#requests.limit;
  }

  /** Left alone after many failures or on its own word: another source should be asked, if there is one. */
  get isBenched(): boolean {
    return this.pauseMs > 0;
  }

  /** Left alone because it failed, and not because it said so. */
  get isFailing(): boolean {
    return this.isBenched && !this.#isAskedToWait;
  }

  /** How long it is left alone from now on. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonic());
  }

  /** It has done nothing but fail, again and again, for minutes. */
  get isDown(): boolean {
    const forMs = this.#clock.monotonic() - (this.#failingSinceMs ?? Infinity);
    return this.#failuresInARow >= FAILURES_TO_BENCH && forMs >= LONGEST_OUTAGE_MS;
  }

  succeeded(): void {
    this.#failuresInARow = 0;
    this.#failingSinceMs = undefined;
    const isHeldBack = this.#requests.isSaturated || this.#transfers.isSaturated;
    if (!isHeldBack || this.concurrency >= this.#maxConcurrency) return;
    this.#successes += 1;
    if (this.#growth === 'steady' && this.#successes < this.concurrency) return;
    this.#successes = 0;
    this.#limitTo(this.concurrency + 1);
  }

  /** It asked for less: fewer requests at once, and none before `retryAfterMs` has passed. */
  slowedDown(retryAfterMs: number): void {
    this.#shrink();
    this.#pauseFor(retryAfterMs, true);
  }

  /** It failed; many in a row bench it, each time for longer. */
  failed(): void {
    this.#shrink();
    // What was on its way when the pause began says nothing new.
    if (this.isBenched) return;
    this.#failuresInARow += 1;
    this.#failingSinceMs ??= this.#clock.monotonic();
    const excess = this.#failuresInARow - FAILURES_TO_BENCH;
    if (excess >= 0) this.#pauseFor(Math.min(FIRST_BENCH_MS * 2 ** Math.min(excess, 10), LONGEST_BENCH_MS), false);
  }

  #shrink(): void {
    this.#growth = 'steady';
    this.#successes = 0;
    this.#limitTo(Math.max(1, Math.floor(this.concurrency / 2)));
  }

  #limitTo(concurrency: number): void {
    this.#requests.limit = concurrency;
    this.#transfers.limit = concurrency;
  }

  async #acquire(place: Place, signal: AbortSignal | undefined): Promise<Slot> {
    if (place === 'continued') return NO_SLOT;
    return await (place === 'transfer' ? this.#transfers : this.#requests).acquire(signal);
  }

  #pauseFor(ms: number, isAskedToWait: boolean): void {
    const untilMs = this.#clock.monotonic() + ms;
    if (untilMs <= this.#pausedUntilMs) return;
    this.#pausedUntilMs = untilMs;
    this.#isAskedToWait = isAskedToWait;
  }

  #waitMs(): number {
    const nowMs = this.#clock.monotonic();
    const turnMs = this.#intervalMs === 0 ? 0 : this.#nextTurnMs - this.#burstMs - nowMs;
    return Math.ceil(Math.max(this.#pausedUntilMs - nowMs, turnMs));
  }

  #takeTurn(): void {
    this.#nextTurnMs = Math.max(this.#nextTurnMs, this.#clock.monotonic()) + this.#intervalMs;
  }
}
