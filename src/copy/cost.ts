import type { Platform } from '../oci/platform.ts';
import type { Resolution } from '../oci/repository.ts';

/** What copying an image would take from its source, at most: what the target turns out to have costs nothing. */
export interface Cost {
  /** Counted requests: one for each manifest. */
  readonly pulls: number;
  readonly bytes: number;
  /** Whether the authority said so itself, or it had to be guessed from the platforms. */
  readonly isKnown: boolean;
}

/** An image with nothing known of it is reckoned as a full official one: an index, and two manifests a platform. */
const USUAL_PLATFORMS = 9;

/** The cost of an image from what the authority said of its parts, or else from the platforms that were promised. */
export function costOf(resolution: Resolution, platforms: readonly Platform[]): Cost {
  const parts = resolution.parts ?? [];
  if (parts.length > 0) {
    return { pulls: 1 + parts.length, bytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), isKnown: true };
  }
  return { pulls: 1 + 2 * (platforms.length || USUAL_PLATFORMS), bytes: 0, isKnown: false };
}
