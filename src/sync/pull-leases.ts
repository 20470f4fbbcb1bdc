import type { PullLease, PullLedger } from '../remote/pull-ledger.ts';

/**
 * Gives the images of a run their pulls before they start, in the order of their asking, so that what is begun can be
 * finished. Costs are upper bounds, and what an image leaves over comes back at its end: so while others are under way,
 * one for which there are not enough waits.
 */
export class PullLeases {
  readonly #ledger: PullLedger;
  #held = 0;
  #returned = Promise.withResolvers<void>();

  constructor(ledger: PullLedger) {
    this.#ledger = ledger;
  }

  /** `undefined`: there are not enough, and none will come back. Asked for one image at a time. */
  async take(pulls: number): Promise<PullLease | undefined> {
    for (;;) {
      const lease = this.#ledger.lease(pulls);
      if (lease !== undefined) return this.#counted(lease);
      if (this.#held === 0) return undefined;
      await this.#returned.promise;
    }
  }

  #counted(lease: PullLease): PullLease {
    this.#held += 1;
    return {
      isPartial: lease.isPartial,
      spend: (host) => lease.spend(host),
      [Symbol.dispose]: () => {
        lease[Symbol.dispose]();
        this.#held -= 1;
        this.#returned.resolve();
        this.#returned = Promise.withResolvers();
      },
    };
  }
}
