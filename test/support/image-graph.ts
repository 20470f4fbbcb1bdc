// Images made by hand: small, of any shape, and named by their digests alone.
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { Manifest } from '../../src/oci/manifest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { type Blob, blobOf } from './registry/content.ts';
import type { MemoryContent } from './registry/memory-content.ts';
import type { Registry } from './registry/registry.ts';

/** A manifest and all below it. */
export interface Graph {
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
  /** Of an image; those that live elsewhere are not among them. */
  readonly blobs: readonly Blob[];
  /** Of an index. */
  readonly children: readonly Graph[];
}

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

/** An image whose layers are these texts; equal texts are equal layers. A foreign layer is named and not there. */
export function image(
  name: string,
  layers: readonly string[] = [`layer of ${name}`],
  foreign: readonly string[] = [],
): Graph {
  const config = textBlob(JSON.stringify({ name }));
  const blobs = layers.map(textBlob);
  const manifest = manifestOf(MEDIA_TYPES.ociImage, {
    config: describe(MEDIA_TYPES.ociConfig, config),
    layers: [
      ...blobs.map((blob) => describe(MEDIA_TYPES.ociLayerGzip, blob)),
      ...foreign.map((text) => ({
        ...describe(FOREIGN, textBlob(text)),
        urls: [`https://layers.example.com/${text}`],
      })),
    ],
  });
  return { manifest, descriptor: descriptorOf(manifest), blobs: [config, ...blobs], children: [] };
}

export function index(...children: readonly Graph[]): Graph {
  const manifest = manifestOf(MEDIA_TYPES.ociIndex, { manifests: children.map(({ descriptor }) => descriptor) });
  return { manifest, descriptor: descriptorOf(manifest), blobs: [], children };
}

/** As BuildKit keeps its cache: an index of layers, and of what they are for. */
export function layerIndex(...layers: readonly string[]): Graph {
  const blobs = layers.map(textBlob);
  const manifests = blobs.map((blob, nth) =>
    describe(nth === 0 ? 'application/vnd.buildkit.cacheconfig.v0' : MEDIA_TYPES.ociLayerGzip, blob),
  );
  const manifest = manifestOf(MEDIA_TYPES.ociIndex, { manifests });
  return { manifest, descriptor: descriptorOf(manifest), blobs, children: [] };
}

/** The same image as an entry of an index for that platform. */
export function forPlatform(graph: Graph, platform: string): Graph {
  return { ...graph, descriptor: { ...graph.descriptor, platform: parsePlatform(platform) } };
}

/** An image as BuildKit's attestation of another, as an entry of an index. */
export function attestationOf(subject: Graph): Graph {
  const graph = image(`attestation of ${subject.manifest.digest}`);
  const annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': subject.manifest.digest,
  };
  return { ...graph, descriptor: { ...graph.descriptor, platform: parsePlatform('unknown/unknown'), annotations } };
}

/** The graph's manifests, children before parents, each once. */
export function manifestsOf({ manifest, children }: Graph): Manifest[] {
  const all = [...children.flatMap(manifestsOf), manifest];
  return [...new Map(all.map((one) => [one.digest, one])).values()];
}

export function blobsOf({ blobs, children }: Graph): Blob[] {
  const all = [...blobs, ...children.flatMap(blobsOf)];
  return [...new Map(all.map((one) => [one.digest, one])).values()];
}

/** Puts it into a repository without asking over the network. */
export function store(registry: Registry, repository: string, graph: Graph, ...tags: readonly string[]): void {
  const content = registry.content as MemoryContent;
  for (const blob of blobsOf(graph)) content.addBlob(repository, blob);
  for (const manifest of manifestsOf(graph)) content.addManifest(repository, manifest, undefined);
  for (const tag of tags) content.addManifest(repository, graph.manifest, tag);
}

/** Whether all of it is in the repository. */
export function isWhole({ content }: Registry, repository: string, graph: Graph): boolean {
  return (
    blobsOf(graph).every(({ digest }) => content.blob(repository, digest) !== undefined) &&
    manifestsOf(graph).every(({ digest }) => content.manifest(repository, digest) !== undefined)
  );
}

export function textBlob(text: string): Blob {
  return blobOf(digestOf(text), [Buffer.from(text)]);
}

function manifestOf(mediaType: string, content: object): Manifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...content }));
  return { digest: digestOf(bytes), mediaType, bytes };
}

function descriptorOf({ mediaType, digest, bytes }: Manifest): Descriptor {
  return { mediaType, digest, size: bytes.byteLength };
}

function describe(mediaType: string, { digest, sizeBytes }: Blob): Descriptor {
  return { mediaType, digest, size: sizeBytes };
}
