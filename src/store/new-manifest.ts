import type { NamedBlob, NewManifest } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Manifest, ManifestContent } from '../oci/manifest.ts';
import { isForeignLayerType, isManifestType } from '../oci/media-type.ts';

/** A manifest with what is kept of it besides its bytes. */
export function newManifest(manifest: Manifest, content: ManifestContent): NewManifest {
  const { subject, annotations } = content;
  const about = { ...manifest, subject: subject?.digest, annotations, artifactType: artifactTypeOf(content) };
  if (content.kind === 'index') {
    // BuildKit keeps its cache as an index of layers.
    const others = content.manifests.filter(({ mediaType }) => !isManifestType(mediaType));
    const manifests = [...new Set(content.manifests.map(({ digest }) => digest))];
    return { ...about, manifests, blobs: eachOnce(others.map((child) => named(child, 'child'))) };
  }
  const layers = content.layers.map((layer) => named(layer, isForeignLayerType(layer.mediaType) ? 'foreign' : 'part'));
  return { ...about, manifests: [], blobs: eachOnce([...layers, named(content.config, 'part')]) };
}

/** image-spec, Guidelines for Artifact Usage; distribution-spec §Listing Referrers. */
function artifactTypeOf(content: ManifestContent): string | undefined {
  return content.artifactType ?? (content.kind === 'image' ? content.config.mediaType : undefined);
}

function named({ digest, size }: Descriptor, as: NamedBlob['as']): NamedBlob {
  return { digest, sizeBytes: size, as };
}

/** What is a part in one place may be missing in none. */
function eachOnce(blobs: readonly NamedBlob[]): NamedBlob[] {
  const byDigest = new Map<string, NamedBlob>();
  for (const blob of blobs) if (byDigest.get(blob.digest)?.as !== 'part') byDigest.set(blob.digest, blob);
  return [...byDigest.values()];
}
