import { OciError } from '../oci/errors.ts';

/** Of the Free plan; a paid one allows thousands. https://developers.cloudflare.com/workers/platform/limits/ */
export const FREE_SUBREQUESTS = 50;

/** What one request may still ask of the network and the cache: past its limit the platform fails every one of them. */
export class Subrequests {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes one for something that can be left out. */
  tryTake(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken += 1;
    return true;
  }

  /** Throws UNAVAILABLE when none is left. */
  take(): void {
    if (this.tryTake()) return;
    throw new OciError(
      'UNAVAILABLE',
      `this request needs more than the ${this.#limit} requests that a Worker may send for one; ` +
        'ask for less, or tell its owner to raise MAX_SUBREQUESTS on a paid plan',
    );
  }
}
