import { forEach } from '../async/for-each.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Platform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import { type Call, type Source, keepsSparseIndexes } from '../oci/repository.ts';

const HEADS_AT_ONCE = 16;

/** What those of the tags mean that are there, with all that a copy for these platforms brings; none means all. */
export async function presentTags(
  repository: Source,
  tags: readonly Tag[],
  { platforms, signal }: Call & { readonly platforms: readonly Platform[] },
): Promise<Map<Tag, Digest>> {
  const digests = new Map<Tag, Digest>();
  await forEach(tags, HEADS_AT_ONCE, async (tag) => {
    try {
      const { digest } = (await repository.resolve(tag, { signal })).descriptor;
      if (!keepsSparseIndexes(repository) || (await repository.holds(digest, platforms))) digests.set(tag, digest);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  });
  return digests;
}
