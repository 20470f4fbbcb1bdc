import type { Clock } from '../async/clock.ts';
import type { PullLimit } from './pull-limit.ts';
import { RemoteError } from './remote-error.ts';

/** What is known of an identity's pulls at an upstream. */
export interface PullBudget extends PullLimit {
  /** When the window has certainly passed, in milliseconds since the epoch. */
  readonly resetsByMs: number;
}

/** Whoever answers for counted requests: the account itself, or a lease of it. */
export interface PullPayer {
  /** Called before each counted request. Throws PULL_LIMIT when it is known that none is left, so nothing is sent. */
  spend(host: string): Promise<void>;
}

/** Keeps the account of counted pulls. A port, as processes of one machine may share one account. */
export interface PullLedger extends PullPayer {
  /**
   * Sets pulls aside for an image whose cost is known before it starts; `undefined` when they are not there. An image
   * dearer than a whole window gets what is left, if anything is. While nothing is known, everything is granted.
   */
  lease(pulls: number): PullLease | undefined;
  /** Called with each answer of a manifest request; `undefined` means that the answer was not metered. */
  observed(limit: PullLimit | undefined): void;
  /** The registry itself refused for want of pulls. */
  refused(): void;
  /** `undefined`: nothing is known, or the upstream does not meter. */
  readonly budget: PullBudget | undefined;
}

/** Pulls that nobody else is given. Disposing of it gives back what was not spent. */
export interface PullLease extends PullPayer, Disposable {
  /** The image costs more than a whole window has, and this is what was left. */
  readonly isPartial: boolean;
  /** From the lease first, and then from what nobody has leased. */
  spend(host: string): Promise<void>;
}

/** What a lease gets of the pulls that are available, where at most `wholeWindow` ever are. */
export function grantPulls(
  pulls: number,
  available: number,
  wholeWindow: number,
): { readonly pulls: number; readonly isPartial: boolean } | undefined {
  const isPartial = pulls > Math.max(0, wholeWindow);
  const left = Math.max(0, available);
  if (isPartial) return left < 1 ? undefined : { pulls: Math.min(pulls, left), isPartial };
  return pulls > left ? undefined : { pulls, isPartial };
}

/** What `spend` throws: a PULL_LIMIT without a status, as nobody answered it. */
export function noPullsLeft(host: string, resetsByMs: number): RemoteError {
  const until = new Date(resetsByMs).toISOString();
  const message = `has no pulls left for us; the window opens again at the latest at ${until}`;
  return new RemoteError(host, 'PULL_LIMIT', message);
}

/** The account of one process, from what the answers say. */
export class ProcessPullLedger implements PullLedger {
  readonly #clock: Clock;
  readonly #reserve: number;
  #budget: PullBudget | undefined;
  #leased = 0;

  /** `reserve`: pulls that are left to others. */
  constructor(clock: Clock, options: { readonly reserve?: number | undefined } = {}) {
    this.#clock = clock;
    this.#reserve = options.reserve ?? 0;
  }

  get budget(): PullBudget | undefined {
    return this.#budget;
  }

  async spend(host: string): Promise<void> {
    this.#spend(host);
  }

  lease(pulls: number): PullLease | undefined {
    this.#forgetPastWindow();
    const { limit = Infinity, remaining = Infinity } = this.#budget ?? {};
    const grant = grantPulls(pulls, remaining - this.#leased - this.#reserve, limit - this.#reserve);
    if (grant === undefined) return undefined;
    const lease = { pulls: grant.pulls };
    this.#leased += lease.pulls;
    return {
      isPartial: grant.isPartial,
      spend: async (host) => this.#spend(host, lease),
      [Symbol.dispose]: () => {
        this.#leased -= lease.pulls;
        lease.pulls = 0;
      },
    };
  }

  observed(limit: PullLimit | undefined): void {
    if (limit === undefined) return;
    const known = this.#budget;
    const isSameWindow = known !== undefined && known.resetsByMs > this.#clock.now();
    const remaining = isSameWindow ? Math.min(known.remaining, limit.remaining) : limit.remaining;
    const resetsByMs = isSameWindow ? known.resetsByMs : this.#clock.now() + limit.windowSeconds * 1000;
    this.#budget = { ...limit, remaining, resetsByMs };
  }

  refused(): void {
    if (this.#budget !== undefined) this.#budget = { ...this.#budget, remaining: 0 };
  }

  #spend(host: string, lease?: { pulls: number }): void {
    this.#forgetPastWindow();
    const isLeased = lease !== undefined && lease.pulls > 0;
    if (this.#budget !== undefined) {
      const { remaining, resetsByMs } = this.#budget;
      if (remaining <= (isLeased ? 0 : this.#leased + this.#reserve)) throw noPullsLeft(host, resetsByMs);
      // Requests in flight are not in the last answer's count yet.
      this.#budget = { ...this.#budget, remaining: remaining - 1 };
    }
    if (!isLeased) return;
    lease.pulls -= 1;
    this.#leased -= 1;
  }

  #forgetPastWindow(): void {
    if (this.#budget !== undefined && this.#budget.resetsByMs <= this.#clock.now()) this.#budget = undefined;
  }
}
