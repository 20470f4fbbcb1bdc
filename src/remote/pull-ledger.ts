import type { Clock } from '../async/clock.ts';
import type { PullLimit } from './pull-limit.ts';
import { RemoteError } from './remote-error.ts';

/** What is known of an identity's pulls at an upstream. */
export interface PullBudget extends PullLimit {
  /** When the window has certainly passed, in milliseconds since the epoch. */
  readonly resetsByMs: number;
}

/** Keeps the account of counted pulls. A port, as processes of one machine may share one account. */
export interface PullLedger {
  /** Called before each counted request. Throws PULL_LIMIT when it is known that none is left, so nothing is sent. */
  spend(host: string): Promise<void>;
  /** Called with each answer of a manifest request; `undefined` means that the answer was not metered. */
  observed(limit: PullLimit | undefined): void;
  /** The registry refused for want of pulls. */
  refused(): void;
  /** `undefined`: nothing is known, or the upstream does not meter. */
  readonly budget: PullBudget | undefined;
}

/** The account of one process, from what the answers say. */
export class ProcessPullLedger implements PullLedger {
  readonly #clock: Clock;
  readonly #reserve: number;
  #budget: PullBudget | undefined;

  /** `reserve`: pulls that are left to others. */
  constructor(clock: Clock, options: { readonly reserve?: number | undefined } = {}) {
    this.#clock = clock;
    this.#reserve = options.reserve ?? 0;
  }

  get budget(): PullBudget | undefined {
    return this.#budget;
  }

  async spend(host: string): Promise<void> {
    const budget = this.#budget;
    if (budget === undefined) return;
    if (budget.resetsByMs <= this.#clock.now()) {
      this.#budget = undefined;
      return;
    }
    if (budget.remaining <= this.#reserve) {
      const until = new Date(budget.resetsByMs).toISOString();
      throw new RemoteError(
        host,
        'PULL_LIMIT',
        `has no pulls left for us; the window opens again at the latest at ${until}`,
      );
    }
    // Requests in flight are not in the last answer's count yet.
    this.#budget = { ...budget, remaining: budget.remaining - 1 };
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
}
