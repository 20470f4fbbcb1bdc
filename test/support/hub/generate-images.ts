// Images as official builds make them, out of nothing but names: the same name and revision give the same bytes.
import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import type { Manifest } from '../../../src/oci/manifest.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-type.ts';
import type { Platform } from '../../../src/oci/platform.ts';
import { type Blob, blobOf } from '../registry/content.ts';
import { attest } from './attestation.ts';
import { type Layer, LayerFactory } from './layers.ts';
import { nameHash } from './name-hash.ts';
import { builtAt } from './timeline.ts';
import { fullPlatform, withWindowsVersion } from './windows-version.ts';

/** Which build of an image: a higher revision shares only the base layer with a lower one. */
export interface Build {
  readonly revision: number;
  /** OCI manifests need not repeat their media type in the body. */
  readonly omitMediaType: boolean;
}

/** One entry of an index, and the compressed size of its layers. */
export interface Entry {
  readonly descriptor: Descriptor;
  readonly sizeBytes: number;
}

/** The image of one platform and, for all but Windows, its attestation: two entries of an index. */
export interface PlatformImage {
  readonly entries: readonly Entry[];
  readonly manifests: readonly Manifest[];
  readonly blobs: readonly Blob[];
}

interface Origin {
  readonly name: string;
  readonly createdAt: string;
  readonly build: Build;
}

const FAMILIES = {
  oci: {
    index: MEDIA_TYPES.ociIndex,
    image: MEDIA_TYPES.ociImage,
    config: MEDIA_TYPES.ociConfig,
    layer: MEDIA_TYPES.ociLayerGzip,
  },
  docker: {
    index: MEDIA_TYPES.dockerIndex,
    image: MEDIA_TYPES.dockerImage,
    config: MEDIA_TYPES.dockerConfig,
    layer: MEDIA_TYPES.dockerLayerGzip,
  },
} as const;

const DISTRO =
  /alpine[\d.]*|bookworm|bullseye|forky|jammy|nanoserver-\w+|noble|oraclelinux\d*|resolute|trixie|ubi\d*|windowsservercore-\w+/;

export class ImageGenerator {
  readonly #layers: LayerFactory;
  readonly #bases = new Map<string, Layer>();

  /** Each layer will have about `layerBytes`, compressed. */
  constructor(layerBytes: number) {
    this.#layers = new LayerFactory(layerBytes);
  }

  platformImage(image: CatalogImage, wanted: Platform, build: Build): PlatformImage {
    const platform = withWindowsVersion(wanted, image.tags);
    const family = familyOf(image.repository);
    const name = `${image.repository}:${image.tags[0]}`;
    const createdAt = builtAt(name, build.revision).toISOString();
    const layers = [
      this.#base(image, platform),
      this.#layers.layer(`${name} ${fullPlatform(platform)} ${build.revision}`),
    ];
    const config = jsonBlob({ ...platform, created: createdAt, config: RUN, ...rootfs(layers.map((l) => l.diffId)) });
    const blobs = layers.map(({ blob }) => blob);
    const manifest = manifestOf(family.image, build, {
      config: describe(family.config, config),
      layers: blobs.map((blob) => describe(family.layer, blob)),
    });
    const made: PlatformImage = {
      entries: [entryOf(manifest, blobs, { platform })],
      manifests: [manifest],
      blobs: [config, ...blobs],
    };
    return platform.os === 'windows' ? made : withAttestation(made, manifest, { name, createdAt, build });
  }

  index(repository: string, images: readonly PlatformImage[], build: Build): Manifest {
    const manifests = images.flatMap(({ entries }) => entries.map(({ descriptor }) => descriptor));
    return manifestOf(familyOf(repository).index, build, { manifests });
  }

  // Images built on the same distribution share its layer, whatever their repository; others share their repository's.
  #base(image: CatalogImage, platform: Platform): Layer {
    const distros = image.tags.map((tag) => DISTRO.exec(tag)?.[0] ?? '').sort((a, b) => b.length - a.length);
    const seed = `${distros[0] || image.repository} base ${fullPlatform(platform)}`;
    const base = this.#bases.get(seed) ?? this.#layers.layer(seed);
    this.#bases.set(seed, base);
    return base;
  }
}

/** A quarter of the repositories still use Docker's own media types. */
function familyOf(repository: string): (typeof FAMILIES)[keyof typeof FAMILIES] {
  return nameHash(repository) % 4 === 0 ? FAMILIES.docker : FAMILIES.oci;
}

// buildkit docs/attestations/attestation-storage.md: an OCI manifest, whatever the family of the image.
function withAttestation(made: PlatformImage, subject: Manifest, { name, createdAt, build }: Origin): PlatformImage {
  const statements = attest(subject.digest, `pkg:docker/${name.replace(':', '@')}`, createdAt);
  const blobs = statements.map(({ bytes }) => bytesBlob(bytes));
  const config = jsonBlob({ ...UNKNOWN, config: {}, ...rootfs(blobs.map(({ digest }) => digest)) });
  const manifest = manifestOf(MEDIA_TYPES.ociImage, build, {
    config: describe(MEDIA_TYPES.ociConfig, config),
    layers: blobs.map((blob, index) => ({
      ...describe(MEDIA_TYPES.inToto, blob),
      annotations: { 'in-toto.io/predicate-type': statements[index]?.predicateType },
    })),
  });
  const annotations = {
    'vnd.docker.reference.digest': subject.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  };
  return {
    entries: [...made.entries, entryOf(manifest, blobs, { annotations, platform: UNKNOWN })],
    manifests: [...made.manifests, manifest],
    blobs: [...made.blobs, config, ...blobs],
  };
}

const UNKNOWN: Platform = { architecture: 'unknown', os: 'unknown' };
const RUN = { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['/bin/sh'] };

function rootfs(diffIds: readonly string[]): object {
  return { rootfs: { type: 'layers', diff_ids: diffIds }, history: diffIds.map(() => ({ created_by: 'generated' })) };
}

function manifestOf(mediaType: string, { omitMediaType }: Build, content: object): Manifest {
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, ...(omitMediaType ? {} : { mediaType }), ...content }, undefined, 2),
  );
  return { digest: digestOf(bytes), mediaType, bytes };
}

function describe(mediaType: string, { digest, sizeBytes }: Blob): Descriptor {
  return { mediaType, digest, size: sizeBytes };
}

function entryOf(manifest: Manifest, layers: readonly Blob[], more: Partial<Descriptor>): Entry {
  const { mediaType, digest, bytes } = manifest;
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  return { descriptor: { mediaType, digest, size: bytes.byteLength, ...more }, sizeBytes };
}

function jsonBlob(value: object): Blob {
  return bytesBlob(Buffer.from(JSON.stringify(value)));
}

function bytesBlob(bytes: Uint8Array): Blob {
  return blobOf(digestOf(bytes), [bytes]);
}
