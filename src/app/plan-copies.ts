import { costOf } from '../copy/cost.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { Call } from '../oci/repository.ts';
import type { PairedDestination } from './copy-images.ts';
import type { SourceImage } from './copy-sources.ts';
import { type Meaning, resolveImages } from './resolve-images.ts';

export interface PlannedCopy {
  readonly source: string;
  readonly destination: string;
  readonly digest?: Digest | undefined;
  /** Of its layers, only where the source said so without being asked for a manifest. */
  readonly sizeBytes?: number | undefined;
  /** Why it cannot be copied. */
  readonly message?: string | undefined;
}

/** What a copy would do, for no pull. What the destinations have already is not looked at. */
export async function planCopies(
  images: readonly SourceImage[],
  paired: readonly PairedDestination[],
  { platforms, signal }: Call & { readonly platforms: readonly Platform[] },
): Promise<PlannedCopy[]> {
  const copies: PlannedCopy[] = [];
  for (const group of Map.groupBy(images, ({ place, repository }) => `${place.address} ${repository}`).values()) {
    for (const [image, meaning] of await resolveImages(group, { signal })) {
      const about = meaning instanceof Error ? { message: meaning.message } : sizeOf(meaning, platforms);
      for (const { destination, names } of paired) {
        copies.push({ source: image.text, destination: destination.describe(names.get(image) ?? {}), ...about });
      }
    }
  }
  return copies;
}

function sizeOf({ digest, parts }: Meaning, platforms: readonly Platform[]): Pick<PlannedCopy, 'digest' | 'sizeBytes'> {
  const descriptor = { digest, mediaType: '', size: 0 };
  const { bytes, isKnown } = costOf({ descriptor, parts }, [], platforms);
  return { digest, ...(isKnown && { sizeBytes: bytes }) };
}
