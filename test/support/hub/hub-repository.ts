import { digestOf } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { type Manifest, readManifest } from '../../../src/oci/manifest.ts';
import { type Blob, blobOf } from '../registry/content.ts';
import type { Build, Entry, ImageGenerator } from './generate-images.ts';
import type { HubImage } from './hub-image.ts';
import { ownersOf } from './image-owners.ts';
import { builtAt } from './timeline.ts';

/** What a tag means now. */
export interface Built {
  readonly manifest: Manifest;
  readonly entries: readonly Entry[];
  readonly updatedAt: Date;
}

/** A manifest of any kind, and blobs for it. */
export interface Publication {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly blobs?: readonly Uint8Array[] | undefined;
}

const FIRST_BUILD: Build = { revision: 0, omitMediaType: false };

/** One repository, whose images come to be when someone first asks for them. What was built once stays, by digest. */
export class HubRepository {
  readonly #generator: ImageGenerator;
  /** What the library says. */
  #wanted: ReadonlyMap<string, HubImage>;
  /** What the hub has: more than is wanted now, and things that were put there. */
  readonly #tags: Map<string, HubImage | Built>;
  /** When a tag came to mean another image. */
  readonly #movedAt = new Map<string, Date>();
  readonly #owners = new Map<HubImage, readonly HubImage[]>();
  readonly #builds = new Map<HubImage, Build>();
  readonly #updatedAt = new Map<HubImage, Date>();
  readonly #built = new Map<HubImage, Built>();
  readonly #manifests = new Map<string, Manifest>();
  readonly #blobs = new Map<string, Blob>();
  #revision = 0;

  constructor(images: readonly HubImage[], generator: ImageGenerator) {
    this.#generator = generator;
    this.#wanted = new Map(images.flatMap((image) => image.tags.map((tag) => [tag, image] as const)));
    this.#tags = new Map(this.#wanted);
    for (const image of images) this.#owners.set(image, ownersOf(image, images));
  }

  tags(): string[] {
    return [...this.#tags.keys()].sort();
  }

  built(tag: string): Built | undefined {
    const meaning = this.#tags.get(tag);
    return meaning === undefined || 'manifest' in meaning ? meaning : this.#build(meaning);
  }

  /** When the tag last changed; builds nothing. */
  updatedAt(tag: string): Date {
    const meaning = this.#tags.get(tag);
    if (meaning === undefined) return new Date(0);
    if ('manifest' in meaning) return meaning.updatedAt;
    return latest([this.#lastUpdatedAt(meaning), this.#movedAt.get(tag) ?? new Date(0)]);
  }

  manifest(reference: string): Manifest | undefined {
    if (!reference.includes(':')) return this.built(reference)?.manifest;
    if (!this.#manifests.has(reference)) this.#buildAll();
    return this.#manifests.get(reference);
  }

  blob(digest: string): Blob | undefined {
    if (!this.#blobs.has(digest)) this.#buildAll();
    return this.#blobs.get(digest);
  }

  /** The images behind the tag get other layers; their tags move, and those of all indexes that share them. */
  rebuild(tag: string, changes: Partial<Build>, at: Date): void {
    const image = this.#tags.get(tag);
    if (image === undefined || 'manifest' in image) throw new Error(`there is no generated image at the tag "${tag}"`);
    this.#revision += 1;
    for (const owner of new Set([image, ...this.#ownersOf(image)])) {
      this.#builds.set(owner, { ...this.#buildOf(owner), revision: this.#revision, ...changes });
      this.#updatedAt.set(owner, at);
    }
    this.#built.clear();
  }

  /**
   * The library wants these images now. Those of a build key that is known stay as they are, with new tags or fewer; the
   * others are built, and tags that are wanted no more keep for ever what they mean.
   */
  moveTo(images: readonly HubImage[], at: Date): void {
    const known = new Map(this.#wanted.values().map((image) => [keyOf(image), image]));
    const kept = (image: HubImage): HubImage => known.get(keyOf(image)) ?? image;
    const wanted = new Map<string, HubImage>(
      images.flatMap((image) => image.tags.map((tag) => [tag, kept(image)] as const)),
    );
    for (const tag of this.#wanted.keys()) if (!wanted.has(tag)) this.#settle(tag);
    this.#revision += 1;
    for (const image of images.filter((image) => kept(image) === image && !this.#owners.has(image))) {
      this.#owners.set(image, ownersOf(image, images).map(kept));
      this.#builds.set(image, { ...FIRST_BUILD, revision: this.#revision });
      this.#updatedAt.set(image, at);
    }
    for (const [tag, image] of wanted) {
      if (this.#wanted.get(tag) === image) continue;
      this.#tags.set(tag, image);
      this.#movedAt.set(tag, at);
    }
    this.#wanted = wanted;
  }

  /** Puts any manifest at a tag: for content that no generator would make. */
  publish(tag: string, { bytes, mediaType, blobs = [] }: Publication, at: Date): void {
    const manifest: Manifest = { digest: digestOf(bytes), mediaType, bytes };
    this.#manifests.set(manifest.digest, manifest);
    for (const blob of blobs) this.#blobs.set(digestOf(blob), blobOf(digestOf(blob), [blob]));
    this.#tags.set(tag, { manifest, entries: entriesOf(bytes), updatedAt: at });
  }

  remove(tag: string): void {
    this.#tags.delete(tag);
  }

  /** Whatever becomes of its image, the tag stays. */
  #settle(tag: string): void {
    const built = this.built(tag);
    if (built !== undefined) this.#tags.set(tag, { ...built, updatedAt: this.updatedAt(tag) });
  }

  #buildAll(): void {
    for (const image of this.#wanted.values()) this.#build(image);
  }

  #build(image: HubImage): Built {
    const known = this.#built.get(image);
    if (known !== undefined) return known;
    const owners = this.#ownersOf(image);
    const parts = image.platforms.map((platform, index) => {
      const owner = owners[index] ?? image;
      return this.#generator.platformImage(owner, platform, this.#buildOf(owner));
    });
    const manifest = this.#generator.index(image.repository, parts, this.#buildOf(image));
    const manifests = [manifest, ...parts.flatMap((part) => part.manifests)];
    for (const made of manifests) this.#manifests.set(made.digest, made);
    for (const blob of parts.flatMap(({ blobs }) => blobs)) this.#blobs.set(blob.digest, blob);
    const entries = parts.flatMap((part) => part.entries);
    const built: Built = { manifest, entries, updatedAt: this.#lastUpdatedAt(image) };
    this.#built.set(image, built);
    return built;
  }

  #buildOf(image: HubImage): Build {
    return this.#builds.get(image) ?? FIRST_BUILD;
  }

  #lastUpdatedAt(image: HubImage): Date {
    return latest(
      [image, ...this.#ownersOf(image)].map(
        (owner) => this.#updatedAt.get(owner) ?? builtAt(`${owner.repository}:${owner.tags[0]}`, 0),
      ),
    );
  }

  #ownersOf(image: HubImage): readonly HubImage[] {
    return this.#owners.get(image) ?? [];
  }
}

function keyOf(image: HubImage): string | HubImage {
  return image.buildKey ?? image;
}

function latest(times: readonly Date[]): Date {
  return new Date(Math.max(...times.map(Number)));
}

// Tests publish nonsense too: it has no entries.
function entriesOf(bytes: Uint8Array): Entry[] {
  try {
    const { content } = readManifest(bytes);
    return content.kind === 'image'
      ? []
      : content.manifests.map((descriptor) => ({ descriptor, sizeBytes: descriptor.size }));
  } catch (error) {
    if (error instanceof OciError) return [];
    throw error;
  }
}
