// Images on their way into a bundle: their graphs are read, and what is far away is brought near first, so that the
// bundle is written from what is there.
import { forEach } from '../async/for-each.ts';
import { SingleFlight } from '../async/single-flight.ts';
import type { BlobStore, OpenBlob } from '../content/blob-store.ts';
import { StorageError } from '../content/storage-error.ts';
import { CopyError, blame, blamed } from '../copy/copy-error.ts';
import { onlyImage } from '../copy/only-image.ts';
import { subsetIndex } from '../copy/platform-subset.ts';
import { attestedDigest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type Manifest, type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isForeignLayerType, isManifestType } from '../oci/media-type.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import type { Reference } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import { type LockedBlob, type LockedManifest, contentsOf } from './lock-file.ts';
import type { OtherSide } from './other-side.ts';
import { Staging, unfit } from './staging.ts';

export interface WantedImage {
  readonly reference: Reference;
  readonly digest: Digest;
  readonly source: Source;
  /** The source is of this machine: its content is read when the bundle is written, and not before. */
  readonly isLocal: boolean;
  /** Where the blobs of a local source are, if they are files: faster than streams. It says which it has. */
  readonly blobs?: Pick<BlobStore, 'open'> | undefined;
  /** Whether its manifests take pulls that are counted. */
  readonly isRationed?: (() => Promise<boolean>) | undefined;
}

export interface GatheredImage {
  readonly reference: Reference;
  /** Another one than was wanted only where platforms were chosen. */
  readonly digest: Digest;
  readonly config?: Digest | undefined;
}

export interface GatheringOptions extends Call {
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  /** The images themselves are bundled, without their indexes. */
  readonly onlyPlatform?: Platform | undefined;
  readonly otherSide: OtherSide;
  /** Where content from afar is kept until the bundle is written. */
  readonly staging: BlobStore;
  readonly onBytes?: ((count: number) => void) | undefined;
}

const MAX_DEPTH = 4;
const CHILDREN_AT_ONCE = 8;

export class Gathering {
  readonly #options: GatheringOptions;
  readonly #staging: Staging;
  readonly #fetches = new SingleFlight<Digest, Manifest>();
  readonly #reading = new Map<Digest, Promise<LockedManifest>>();
  readonly #manifests = new Map<Digest, LockedManifest>();
  readonly #blobs = new Map<Digest, LockedBlob>();
  /** Of what is read where it is. */
  readonly #origins = new Map<Digest, WantedImage>();

  constructor(options: GatheringOptions) {
    this.#options = options;
    this.#staging = new Staging(options.staging, options);
  }

  get manifests(): ReadonlyMap<Digest, LockedManifest> {
    return this.#manifests;
  }

  get blobs(): ReadonlyMap<Digest, LockedBlob> {
    return this.#blobs;
  }

  /** Everything of the image is near, or known to be at the other side, when it resolves. Throws CopyError. */
  async add(image: WantedImage): Promise<GatheredImage> {
    const { platforms, onlyPlatform } = this.#options;
    const { reference } = image;
    if (onlyPlatform !== undefined) {
      const digest = await onlyImage(this.#near(image), image.digest, onlyPlatform, this.#options);
      const { parts } = await this.#read(digest, image, 0);
      return { reference, digest, config: parts[0] };
    }
    const digest = platforms.length === 0 ? image.digest : await this.#chooseOf(image, platforms);
    await this.#read(digest, image, 0);
    return { reference, digest };
  }

  /** A stream of hashed bytes, or a blob of this machine that is yet to be hashed. */
  async open(digest: Digest): Promise<ReadableStream<Uint8Array> | OpenBlob> {
    const from = this.#origins.get(digest);
    if (from === undefined) return await this.#staging.open(digest);
    const { source, blobs } = from;
    if (this.#manifests.has(digest)) {
      return ReadableStream.from([(await source.manifest(digest, this.#options)).bytes]);
    }
    const blob = await blobs?.open(digest);
    if (blob !== undefined) return blob;
    const { sizeBytes = 0 } = this.#blobs.get(digest) ?? {};
    return verifyDigest((await source.blob(digest, this.#options)).body, { digest, sizeBytes });
  }

  /** A new index of the chosen platforms is nowhere else. */
  async #chooseOf(image: WantedImage, platforms: readonly Platform[]): Promise<Digest> {
    const original = await this.#fetch(image.digest, image);
    const content = contentOf(original);
    if (content.kind === 'image') return image.digest;
    try {
      const subset = subsetIndex(original, content, platforms);
      if (subset.digest !== image.digest) await this.#staging.keep(subset);
      return subset.digest;
    } catch (error) {
      throw error instanceof StorageError ? error : blamed('source', error);
    }
  }

  async #read(digest: Digest, image: WantedImage, depth: number): Promise<LockedManifest> {
    if (depth >= MAX_DEPTH) throw new CopyError('source', new OciError('MANIFEST_INVALID', 'indexes nest too deep'));
    const reading = this.#reading.get(digest) ?? this.#readNew(digest, image, depth);
    this.#reading.set(digest, reading);
    try {
      return await reading;
    } catch (error) {
      // Another image may find it elsewhere.
      this.#reading.delete(digest);
      throw error;
    }
  }

  async #readNew(digest: Digest, image: WantedImage, depth: number): Promise<LockedManifest> {
    const { otherSide } = this.#options;
    const known = otherSide.manifests.get(digest);
    if (known !== undefined && otherSide.holdings.has(digest)) return this.#believe(known);
    // An image that is at the other side by name is there whole; what it is made of would only cost a pull to learn.
    if (otherSide.holdings.has(digest)) {
      const { mediaType, size } = (await blame('source', image.source.resolve(digest, this.#options))).descriptor;
      return this.#note({ digest, mediaType, sizeBytes: size, parts: [] });
    }
    const manifest = await this.#fetch(digest, image);
    const content = contentOf(manifest);
    const parts = partsOf(content);
    await forEach(parts, CHILDREN_AT_ONCE, async (part) => {
      if (isManifestType(part.mediaType)) await this.#read(part.digest, image, depth + 1);
      else await this.#take(part, image);
    });
    return this.#note({
      digest,
      mediaType: manifest.mediaType,
      sizeBytes: manifest.bytes.byteLength,
      parts: parts.map((part) => part.digest),
      ...(content.kind === 'index' && { platforms: platformsOf(content) }),
    });
  }

  #note(manifest: LockedManifest): LockedManifest {
    this.#manifests.set(manifest.digest, manifest);
    return manifest;
  }

  /** What an earlier bundle says of a manifest and of all below it: its sizes are those of the other side. */
  #believe(root: LockedManifest): LockedManifest {
    const { otherSide } = this.#options;
    const { manifests, blobs } = contentsOf(root.digest, otherSide.manifests);
    for (const manifest of manifests) this.#note(manifest);
    for (const digest of blobs) this.#blobs.set(digest, { digest, sizeBytes: otherSide.sizes.get(digest) ?? 0 });
    return root;
  }

  #fetch(digest: Digest, image: WantedImage): Promise<Manifest> {
    return this.#fetches.run(digest, async () => {
      const staged = await this.#staging.manifest(digest);
      if (staged !== undefined) return staged;
      const manifest = await blame('source', image.source.manifest(digest, this.#options));
      if (image.isLocal) this.#origins.set(digest, image);
      else await this.#staging.keep(manifest);
      return manifest;
    });
  }

  async #take(blob: LockedBlob, image: WantedImage): Promise<void> {
    const { digest, sizeBytes } = blob;
    this.#blobs.set(digest, { digest, sizeBytes });
    if (this.#options.otherSide.holdings.has(digest) || this.#origins.has(digest)) return;
    if (!image.isLocal) {
      await this.#staging.take(blob, image.source);
      return;
    }
    // What is missing is known before a bundle is begun.
    const found = await blame('source', image.source.statBlob(digest, this.#options));
    if (found?.sizeBytes !== sizeBytes) throw new CopyError('source', unfit(blob, found?.sizeBytes));
    this.#origins.set(digest, image);
  }

  /** The same, whose manifests are fetched once, however many tags mean one image. */
  #near(image: WantedImage): Source {
    const { source } = image;
    return {
      resolve: (reference, call) => source.resolve(reference, call),
      manifest: (digest) => this.#fetch(digest, image),
      statBlob: (digest, call) => source.statBlob(digest, call),
      blob: (digest, call) => source.blob(digest, call),
    };
  }
}

function contentOf({ bytes }: Manifest): ManifestContent {
  try {
    return readManifest(bytes).content;
  } catch (error) {
    throw blamed('source', error);
  }
}

/** Foreign layers stay where they are. */
function partsOf(content: ManifestContent): (LockedBlob & { readonly mediaType: string })[] {
  const parts =
    content.kind === 'index'
      ? content.manifests
      : [content.config, ...content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))];
  return parts.map(({ digest, size, mediaType }) => ({ digest, sizeBytes: size, mediaType }));
}

function platformsOf({ manifests }: ManifestContent & { kind: 'index' }): string[] {
  const images = manifests.filter((entry) => attestedDigest(entry) === undefined);
  return images.flatMap(({ platform }) => (platform === undefined ? [] : formatPlatform(platform)));
}
