import { type Digest, digestOf } from '../oci/digest.ts';

/** How many of the blobs are hashed: a share of them (0 to 1), or a number. */
export type Sample = { readonly share: number } | { readonly count: number };

/** Picks so many of a known number of blobs as they come by, each with the same chance. Another seed picks others. */
export class Sampler {
  readonly count: number;
  readonly #seed: string;
  #left: number;
  #wanted: number;

  constructor(sample: Sample, total: number, seed: string) {
    this.count = Math.min(total, 'share' in sample ? Math.ceil(total * sample.share) : sample.count);
    this.#seed = seed;
    this.#left = total;
    this.#wanted = this.count;
  }

  // Selection sampling (Knuth, The Art of Computer Programming 2, §3.4.2, algorithm S). Blobs that came since they were
  // counted are left to the next check.
  takes(digest: Digest): boolean {
    const isTaken = this.#left > 0 && chanceOf(this.#seed, digest) * this.#left < this.#wanted;
    this.#left -= 1;
    if (isTaken) this.#wanted -= 1;
    return isTaken;
  }
}

/** 0 <= x < 1, the same for the same seed and digest. */
function chanceOf(seed: string, digest: Digest): number {
  const hex = digestOf(`${seed} ${digest}`).slice('sha256:'.length);
  return Number.parseInt(hex.slice(0, 12), 16) / 2 ** 48;
}
