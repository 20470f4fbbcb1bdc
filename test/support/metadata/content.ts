// Manifests by name, as whoever read their bytes would put them.
import { type Digest, digestOf } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-type.ts';
import type { BlobSize, NamedBlob, NewManifest } from '../../../src/metadata/metadata-store.ts';

export function blob(name: string): BlobSize {
  return { digest: digestOf(name), sizeBytes: name.length };
}

export function image(
  name: string,
  blobs: readonly NamedBlob[] = [],
  extras: Pick<NewManifest, 'subject' | 'artifactType' | 'annotations'> = {},
): NewManifest {
  const bytes = Buffer.from(JSON.stringify({ name, blobs }));
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociImage, bytes, manifests: [], blobs, ...extras };
}

export function index(name: string, manifests: readonly Digest[]): NewManifest {
  const bytes = Buffer.from(JSON.stringify({ name, manifests }));
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociIndex, bytes, manifests, blobs: [] };
}
