import type { LayoutRepository } from '../archive/layout-repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import { readManifest } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';

const MAX_LAYOUT_ENTRIES = 10_000;

/**
 * image-spec image-layout.md: what refers to an image is an entry of the index without a name. Read again each time, as it
 * grows.
 */
export async function layoutReferrers(layout: LayoutRepository, subject: Digest): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  for (const { tag, descriptor } of (await layout.images()).slice(0, MAX_LAYOUT_ENTRIES)) {
    if (tag === undefined && (await subjectOf(layout, descriptor)) === subject) found.push(descriptor);
  }
  return found;
}

async function subjectOf(layout: LayoutRepository, { digest, mediaType }: Descriptor): Promise<Digest | undefined> {
  if (!isManifestType(mediaType)) return undefined;
  try {
    return readManifest((await layout.manifest(digest)).bytes).content.subject?.digest;
  } catch (error) {
    // An index may name what is not in its layout.
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
