import type { BlobSize, NewManifest } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Manifest, ManifestContent } from '../oci/manifest.ts';
import { isForeignLayerType } from '../oci/media-type.ts';

/** A manifest with what is kept of it besides its bytes. Layers that live elsewhere are not asked for. */
export function newManifest(manifest: Manifest, content: ManifestContent): NewManifest {
  const { subject, annotations } = content;
  const about = { ...manifest, subject: subject?.digest, annotations, artifactType: artifactTypeOf(content) };
  if (content.kind === 'index') {
    return { ...about, manifests: [...new Set(content.manifests.map(({ digest }) => digest))], blobs: [] };
  }
  const blobs = [content.config, ...content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))];
  return { ...about, manifests: [], blobs: eachOnce(blobs) };
}

/** image-spec, Guidelines for Artifact Usage; distribution-spec §Listing Referrers. */
function artifactTypeOf(content: ManifestContent): string | undefined {
  return content.artifactType ?? (content.kind === 'image' ? content.config.mediaType : undefined);
}

function eachOnce(descriptors: readonly Descriptor[]): BlobSize[] {
  const sizes = new Map(descriptors.map(({ digest, size }) => [digest, size]));
  return [...sizes].map(([digest, sizeBytes]) => ({ digest, sizeBytes }));
}
