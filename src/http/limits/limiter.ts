// What one client may use of the server, and what all may together. A limit is a number; `Infinity` is none.
import type { Clock } from '../../async/clock.ts';
import { clientKey } from './client-key.ts';
import { Pace } from './pace.ts';

export interface UseLimits {
  /** Open at once. */
  readonly connections: number;
  readonly requestsPerSecond: number;
  /** Of the bodies that are sent. */
  readonly bytesPerSecond: number;
  /** Requests under way that bring content. */
  readonly uploads: number;
}

export interface LimiterOptions {
  readonly total: UseLimits;
  readonly perClient: UseLimits;
  readonly clock: Clock;
}

export type LimitName = 'connections' | 'requests' | 'uploads';

/** Ends what was begun; calling it again does nothing. */
export type End = () => void;

/** Clients that are remembered; those that use nothing are forgotten first. */
const MAX_CLIENTS = 10_000;

export class Limiter {
  readonly #options: LimiterOptions;
  readonly #all: Use;
  readonly #clients = new Map<string, Use>();
  readonly #refused: Record<LimitName, number> = { connections: 0, requests: 0, uploads: 0 };

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#all = new Use(options.total, options.clock);
  }

  /** How often each limit has refused something. */
  get refused(): Readonly<Record<LimitName, number>> {
    return this.#refused;
  }

  /** Whom it remembers. */
  get clients(): number {
    return this.#clients.size;
  }

  /** `undefined`: there are too many. A proxy's connections are those of many clients, and count in the total alone. */
  connect(address: string, isProxy: boolean): End | undefined {
    return this.#begin('connections', isProxy ? [this.#all] : [this.#all, this.#client(address)]);
  }

  beginUpload(address: string): End | undefined {
    return this.#begin('uploads', [this.#all, this.#client(address)]);
  }

  /** Gives the milliseconds after which a request is welcome: 0 when it is now. */
  request(address: string): number {
    const waitMs = this.#client(address).requests.tryTake() || this.#all.requests.tryTake();
    if (waitMs > 0) this.#refused.requests += 1;
    return waitMs;
  }

  /** Counts bytes that were sent. Gives how long to wait before the next ones. */
  sent(address: string, bytes: number): number {
    return Math.max(this.#client(address).bytes.take(bytes), this.#all.bytes.take(bytes));
  }

  #begin(what: 'connections' | 'uploads', uses: readonly Use[]): End | undefined {
    if (uses.some((use) => use[what] >= use.limits[what])) {
      this.#refused[what] += 1;
      return undefined;
    }
    for (const use of uses) use[what] += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      for (const use of uses) use[what] -= 1;
    };
  }

  #client(address: string): Use {
    const key = clientKey(address);
    let use = this.#clients.get(key);
    if (use === undefined) {
      if (this.#clients.size >= MAX_CLIENTS) this.#forget();
      this.#clients.set(key, (use = new Use(this.#options.perClient, this.#options.clock)));
    }
    return use;
  }

  // An attacker with many addresses must not make it search anew for each: a tenth goes at once, idle or not.
  #forget(): void {
    for (const [key, use] of this.#clients) if (use.isIdle) this.#clients.delete(key);
    const surplus = this.#clients.size - MAX_CLIENTS * 0.9;
    for (const key of [...this.#clients.keys()].slice(0, Math.max(0, surplus))) this.#clients.delete(key);
  }
}

class Use {
  readonly limits: UseLimits;
  readonly requests: Pace;
  readonly bytes: Pace;
  connections = 0;
  uploads = 0;

  constructor(limits: UseLimits, clock: Clock) {
    this.limits = limits;
    this.requests = new Pace(clock, limits.requestsPerSecond);
    this.bytes = new Pace(clock, limits.bytesPerSecond);
  }

  get isIdle(): boolean {
    return this.connections === 0 && this.uploads === 0 && this.requests.isRested && this.bytes.isRested;
  }
}
