import type { Digest } from '../../oci/digest.ts';

const MAX_REMEMBERED = 100_000;

/** Which leases this process knows to be in the database: a popular blob is asked for far more often than an hour. */
export class LeaseMemory {
  readonly #until = new Map<Digest, number>();

  isHeld(digest: Digest, until: number): boolean {
    return (this.#until.get(digest) ?? 0) >= until;
  }

  /** To be called when it is on disk. Two processes never shorten each other's leases, so this stays true. */
  remember(digests: readonly Digest[], until: number): void {
    if (this.#until.size + digests.length > MAX_REMEMBERED) this.#until.clear();
    for (const digest of digests) this.#until.set(digest, Math.max(until, this.#until.get(digest) ?? 0));
  }
}
