import type { Descriptor } from '../oci/descriptor.ts';
import { isNotFound } from '../oci/errors.ts';
import { readManifest } from '../oci/manifest.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';

/** distribution-spec §Referrers Tag Schema: what the index under the tag lists; nothing where there is none. */
export async function referrersIndex(
  from: Pick<Source, 'resolve' | 'manifest'>,
  tag: Tag,
  call: Call,
): Promise<readonly Descriptor[]> {
  try {
    const { digest } = (await from.resolve(tag, call)).descriptor;
    const { content } = readManifest((await from.manifest(digest, call)).bytes);
    return content.kind === 'index' ? content.manifests : [];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
