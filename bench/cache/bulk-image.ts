// Images of any size out of a name: as their owner has them, and as whoever waits for them can tell that all came.
import { createHash } from 'node:crypto';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';

export interface BulkBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The blob is this, over and over, up to its size. */
  readonly part: Uint8Array;
}

export interface BulkManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** What the tag `latest` means, what that names, and what this names in turn. */
export interface BulkImage {
  readonly index: BulkManifest;
  readonly manifest: BulkManifest;
  readonly blobs: readonly [config: BulkBlob, layer: BulkBlob];
}

const PART_BYTES = 1024 * 1024;
/** With it a manifest has about 2 KiB. */
const FILLER = 'x'.repeat(1500);

/** The same name is the same image to the byte. */
export function bulkImage(name: string, layerBytes: number): BulkImage {
  const config = blobOf(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', name })));
  const part = createHash('shake256', { outputLength: PART_BYTES }).update(name).digest();
  const layer = repeated(part, layerBytes);
  const manifest = manifestOf(MEDIA_TYPES.ociImage, {
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, size: config.sizeBytes },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer.digest, size: layer.sizeBytes }],
    annotations: { filler: FILLER },
  });
  const child = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength };
  const index = manifestOf(MEDIA_TYPES.ociIndex, {
    manifests: [{ ...child, platform: { architecture: 'amd64', os: 'linux' } }],
    annotations: { filler: FILLER },
  });
  return { index, manifest, blobs: [config, layer] };
}

/** In memory, all of it. */
export function wholeOf({ part, sizeBytes }: BulkBlob): Buffer<ArrayBuffer> {
  const whole = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += part.byteLength) whole.set(part.subarray(0, sizeBytes - at), at);
  return whole;
}

function blobOf(bytes: Uint8Array): BulkBlob {
  return { digest: digestOf(bytes), sizeBytes: bytes.byteLength, part: bytes };
}

function repeated(part: Uint8Array, sizeBytes: number): BulkBlob {
  const hash = createHash('sha256');
  for (let left = sizeBytes; left > 0; left -= part.byteLength) hash.update(part.subarray(0, left));
  return { digest: `sha256:${hash.digest('hex')}` as Digest, sizeBytes, part };
}

function manifestOf(mediaType: string, content: object): BulkManifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...content }));
  return { digest: digestOf(bytes), mediaType, bytes };
}
