import type { Digest } from '../oci/digest.ts';
import type { AbsentContent } from './lock-file.ts';

/** What the other side has: of each digest a repository that has it, `''` where that is not known. */
export type Holdings = ReadonlyMap<Digest, string>;

export interface Split {
  /** What has to travel. */
  readonly missing: readonly Digest[];
  /** What need not. */
  readonly absent: readonly AbsentContent[];
}

/** What is wanted, minus what the other side has; each once, in the order of the digests. Pure. */
export function missing(wanted: Iterable<Digest>, holdings: Holdings): Split {
  const split = { missing: [] as Digest[], absent: [] as AbsentContent[] };
  for (const digest of [...new Set(wanted)].toSorted()) {
    const at = holdings.get(digest);
    if (at === undefined) split.missing.push(digest);
    else split.absent.push({ digest, at });
  }
  return split;
}
