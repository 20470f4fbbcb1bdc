// From gathered images to the files of a bundle. Equal selections make equal files.
import type { FileToWrite } from '../archive/write-tar-file.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { formatReference } from '../oci/reference.ts';
import { blobName } from './bundle-files.ts';
import type { GatheredImage, Gathering } from './gathering.ts';
import { indexNames, nameAnnotations } from './index-names.ts';
import { LOCK_FILE, type LockFile, type LockedImage, contentsOf, formatLockFile } from './lock-file.ts';
import { type Holdings, missing } from './missing.ts';

/**
 * skopeo finds nothing in an index whose entries are of docker's family. The two families have the same shapes, and what
 * a manifest is its own bytes say, which stay as they are.
 */
const OCI_TYPES: Readonly<Record<string, string>> = {
  [MEDIA_TYPES.dockerIndex]: MEDIA_TYPES.ociIndex,
  [MEDIA_TYPES.dockerImage]: MEDIA_TYPES.ociImage,
};

export interface PlanOptions {
  /** What the lock file says that wrote it. */
  readonly tool: string;
  readonly holdings: Holdings;
  /** With the manifest.json that `docker load` reads. */
  readonly isForDocker: boolean;
}

export interface BundlePlan {
  readonly lock: LockFile;
  readonly index: readonly Descriptor[];
  /** What travels, in the order of its names. */
  readonly blobs: readonly Digest[];
  /** Beside the blobs and index.json. */
  readonly texts: Readonly<Record<string, string>>;
}

export function planBundle(gathered: readonly GatheredImage[], gathering: Gathering, options: PlanOptions): BundlePlan {
  const byText = new Map(gathered.map((image) => [formatReference(image.reference), image]));
  const images = [...byText.keys()].toSorted().flatMap((text) => byText.get(text) ?? []);
  const names = indexNames(images);
  const manifests = new Set<Digest>();
  const blobs = new Set<Digest>();
  const locked = images.map((image): LockedImage => {
    const contents = contentsOf(image.digest, gathering.manifests);
    for (const { digest } of contents.manifests) manifests.add(digest);
    for (const digest of contents.blobs) blobs.add(digest);
    const sizes = [...contents.manifests, ...contents.blobs.flatMap((digest) => gathering.blobs.get(digest) ?? [])];
    return {
      reference: formatReference(image.reference),
      digest: image.digest,
      name: names.get(image),
      platforms: contents.manifests[0]?.platforms ?? [],
      sizeBytes: sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  });
  const { missing: travelling, absent } = missing([...manifests, ...blobs], options.holdings);
  const inOrder = <T>(digests: ReadonlySet<Digest>, from: ReadonlyMap<Digest, T>) =>
    [...digests].toSorted().flatMap((digest) => from.get(digest) ?? []);
  const lock: LockFile = {
    tool: options.tool,
    images: locked,
    manifests: inOrder(manifests, gathering.manifests),
    blobs: inOrder(blobs, gathering.blobs),
    absent,
  };
  return {
    lock,
    index: images.map((image) => entryOf(image, names.get(image), gathering)),
    blobs: travelling,
    texts: {
      ...(options.isForDocker && { 'manifest.json': JSON.stringify(savedImages(images, gathering)) }),
      [LOCK_FILE]: formatLockFile(lock),
    },
  };
}

/** All files of the bundle, as they lie in a tar. */
export function filesOf({ index, blobs, texts }: BundlePlan, gathering: Gathering): readonly FileToWrite[] {
  const contents = blobs.map((digest): FileToWrite => {
    const { sizeBytes = 0 } = gathering.manifests.get(digest) ?? gathering.blobs.get(digest) ?? {};
    return { name: blobName(digest), digest, sizeBytes, open: () => gathering.open(digest) };
  });
  const layout = {
    'index.json': JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: index }),
    'oci-layout': JSON.stringify({ imageLayoutVersion: '1.0.0' }),
  };
  const rest = Object.entries({ ...layout, ...texts }).map(([name, text]): FileToWrite => {
    const bytes = Buffer.from(text);
    return { name, sizeBytes: bytes.byteLength, open: () => Promise.resolve(ReadableStream.from([bytes])) };
  });
  return [...contents, ...rest.toSorted((one, other) => (one.name < other.name ? -1 : 1))];
}

function entryOf({ reference, digest }: GatheredImage, name: string | undefined, { manifests }: Gathering): Descriptor {
  const manifest = manifests.get(digest);
  if (manifest === undefined) throw new Error(`${digest} was gathered, and is not known`);
  const { mediaType, sizeBytes } = manifest;
  return {
    mediaType: OCI_TYPES[mediaType] ?? mediaType,
    digest,
    size: sizeBytes,
    annotations: nameAnnotations(reference, name),
  };
}

/** docker's image specification v1.2: one entry an image, with all of its names. */
function savedImages(images: readonly GatheredImage[], { manifests }: Gathering): object[] {
  return [...Map.groupBy(images, ({ digest }) => digest)].map(([digest, named]) => {
    const [config, ...layers] = manifests.get(digest)?.parts ?? [];
    return {
      Config: config && blobName(config),
      // In full: podman would take `nginx:1.27` for one of this machine.
      RepoTags: named.flatMap(({ reference }) => (reference.tag === undefined ? [] : formatReference(reference))),
      Layers: layers.map(blobName),
    };
  });
}
