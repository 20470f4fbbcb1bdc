import type { Digest } from '../oci/digest.ts';
import { type Platform, matchesPlatform } from '../oci/platform.ts';
import type { Resolution, ResolvedPart } from '../oci/repository.ts';

/** What copying an image would take from its source, at most: what the target turns out to have costs nothing. */
export interface Cost {
  /** Counted requests: one for each manifest. */
  readonly pulls: number;
  readonly bytes: number;
  /** Whether the authority said so itself, or it had to be guessed from the platforms. */
  readonly isKnown: boolean;
}

export interface ImageCost extends Cost {
  /** The manifests, as far as their digests are known before anything is fetched. */
  readonly manifests: readonly Digest[];
}

/** An image with nothing known of it is reckoned as a full official one: an index, and two manifests a platform. */
const USUAL_PLATFORMS = 9;

/**
 * The cost of an image from what the authority said of its parts, or else from the platforms that were promised. Of
 * chosen platforms only those are reckoned, each with an attestation; none chosen means all.
 */
export function costOf(
  { descriptor, parts = [] }: Pick<Resolution, 'descriptor' | 'parts'>,
  promised: readonly Platform[],
  chosen: readonly Platform[] = [],
): ImageCost {
  const root = descriptor.digest;
  if (parts.length > 0) {
    const needed = chosen.length === 0 ? parts : chooseParts(parts, chosen);
    return {
      pulls: 1 + needed.length,
      bytes: needed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      isKnown: true,
      manifests: [root, ...needed.flatMap(({ digest }) => digest ?? [])],
    };
  }
  const platforms = chosen.length || promised.length || USUAL_PLATFORMS;
  return { pulls: 1 + 2 * platforms, bytes: 0, isKnown: false, manifests: [root] };
}

// Which image an attestation belongs to is written in the index alone, so any as many are reckoned.
function chooseParts(parts: readonly ResolvedPart[], chosen: readonly Platform[]): ResolvedPart[] {
  const images = parts.filter(({ platform }) => {
    const [os = '', architecture = '', variant] = platform.split('/');
    return chosen.some((one) => matchesPlatform(one, { os, architecture, variant }));
  });
  const attestations = parts.filter(({ platform }) => platform.startsWith('unknown'));
  return [...images, ...attestations.slice(0, images.length)];
}
