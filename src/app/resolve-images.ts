import { forEach } from '../async/for-each.ts';
import type { Digest } from '../oci/digest.ts';
import type { Call, Resolution } from '../oci/repository.ts';
import type { SourceImage } from './copy-sources.ts';

/** What an image means, with what was said of its parts where that cost nothing. */
export interface Meaning extends Pick<Resolution, 'parts'> {
  readonly digest: Digest;
}

const HEADS_AT_ONCE = 16;

/**
 * What images of one repository mean, asked without a pull: of an upstream by whatever it has for that, else by HEAD.
 * Throws only when the signal aborts.
 */
export async function resolveImages(
  images: readonly SourceImage[],
  { signal }: Call,
): Promise<ReadonlyMap<SourceImage, Meaning | Error>> {
  const found = new Map<SourceImage, Meaning | Error>();
  for (const image of images) if (image.digest !== undefined) found.set(image, { digest: image.digest });
  const tagged = images.filter(({ digest }) => digest === undefined);
  const [first] = tagged;
  if (first === undefined) return found;
  const { place, repository } = first;
  if (place.upstream !== undefined) {
    const tags = tagged.flatMap(({ tag }) => tag ?? []);
    const meanings = await place.upstream.resolveTags(repository, tags, { signal, isAnew: true });
    for (const image of tagged) {
      const meaning = image.tag && meanings.get(image.tag);
      if (meaning !== undefined) found.set(image, meaning instanceof Error ? meaning : meaningOf(meaning));
    }
    return found;
  }
  const { target } = place.repository(repository);
  await forEach(tagged, HEADS_AT_ONCE, async (image) => {
    if (image.tag === undefined) return;
    try {
      found.set(image, meaningOf(await target.resolve(image.tag, { signal })));
    } catch (error) {
      signal?.throwIfAborted();
      found.set(image, error instanceof Error ? error : new Error(String(error)));
    }
  });
  return found;
}

function meaningOf({ descriptor, parts }: Resolution): Meaning {
  return { digest: descriptor.digest, parts };
}
