import { digestOf } from '../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-type.ts';
import { type Graph, textBlob } from '../image-graph.ts';

const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';

/** What refers to an image from outside of it, as signatures do: image-spec §Guidelines for Artifact Usage. */
export function referrerOf(subject: Graph, artifactType = 'application/vnd.example.signature'): Graph {
  const [config, layer] = [textBlob('{}'), textBlob(`${artifactType} of ${subject.manifest.digest}`)];
  const mediaType = MEDIA_TYPES.ociImage;
  const { digest, size } = subject.descriptor;
  const body = {
    schemaVersion: 2,
    mediaType,
    artifactType,
    config: { mediaType: EMPTY_TYPE, digest: config.digest, size: config.sizeBytes },
    layers: [{ mediaType: artifactType, digest: layer.digest, size: layer.sizeBytes }],
    subject: { mediaType: subject.descriptor.mediaType, digest, size },
    annotations: { 'org.example.by': 'ada' },
  };
  const bytes = Buffer.from(JSON.stringify(body));
  const manifest = { digest: digestOf(bytes), mediaType, bytes };
  const descriptor = { mediaType, digest: manifest.digest, size: bytes.byteLength };
  return { manifest, descriptor, blobs: [config, layer], children: [] };
}
