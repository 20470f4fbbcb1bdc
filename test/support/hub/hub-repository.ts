import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { type Manifest, readManifest } from '../../../src/oci/manifest.ts';
import { formatPlatform, type Platform } from '../../../src/oci/platform.ts';
import { type Blob, blobOf } from '../registry/content.ts';
import type { Build, Entry, ImageGenerator } from './generate-images.ts';
import { builtAt } from './timeline.ts';
import { windowsVersion } from './windows-version.ts';

/** What a tag means now. */
export interface Built {
  readonly manifest: Manifest;
  readonly entries: readonly Entry[];
  readonly builtAt: Date;
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
  readonly #images: readonly CatalogImage[];
  readonly #generator: ImageGenerator;
  readonly #tags: Map<string, CatalogImage | Built>;
  readonly #builds = new Map<CatalogImage, Build>();
  readonly #built = new Map<CatalogImage, Built>();
  readonly #manifests = new Map<string, Manifest>();
  readonly #blobs = new Map<string, Blob>();

  constructor(images: readonly CatalogImage[], generator: ImageGenerator) {
    this.#images = images;
    this.#generator = generator;
    this.#tags = new Map(images.flatMap((image) => image.tags.map((tag) => [tag, image] as const)));
  }

  tags(): string[] {
    return [...this.#tags.keys()].sort();
  }

  built(tag: string): Built | undefined {
    const meaning = this.#tags.get(tag);
    return meaning === undefined || 'manifest' in meaning ? meaning : this.#build(meaning);
  }

  /** As `built(tag).builtAt`, but builds nothing. */
  builtAt(tag: string): Date {
    const meaning = this.#tags.get(tag);
    if (meaning === undefined) return new Date(0);
    return 'manifest' in meaning ? meaning.builtAt : this.#lastBuiltAt(meaning);
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
  rebuild(tag: string, changes: Partial<Build> = {}): void {
    const image = this.#tags.get(tag);
    if (image === undefined || 'manifest' in image) throw new Error(`there is no generated image at the tag "${tag}"`);
    for (const owner of this.#ownersOf(image)) {
      const build = this.#buildOf(owner);
      this.#builds.set(owner, { ...build, revision: build.revision + 1, ...changes });
    }
    this.#built.clear();
  }

  /** Puts any manifest at a tag: for content that no generator would make. */
  publish(tag: string, { bytes, mediaType, blobs = [] }: Publication, at: Date): void {
    const manifest: Manifest = { digest: digestOf(bytes), mediaType, bytes };
    this.#manifests.set(manifest.digest, manifest);
    for (const blob of blobs) this.#blobs.set(digestOf(blob), blobOf(digestOf(blob), [blob]));
    this.#tags.set(tag, { manifest, entries: entriesOf(bytes), builtAt: at });
  }

  remove(tag: string): void {
    this.#tags.delete(tag);
  }

  #buildAll(): void {
    for (const image of this.#images) this.#build(image);
  }

  #build(image: CatalogImage): Built {
    const known = this.#built.get(image);
    if (known !== undefined) return known;
    const parts = image.platforms.map((platform) => {
      const owner = this.#ownerOf(image, platform);
      return this.#generator.platformImage(owner, platform, this.#buildOf(owner));
    });
    const manifest = this.#generator.index(image.repository, parts, this.#buildOf(image));
    const manifests = [manifest, ...parts.flatMap((part) => part.manifests)];
    for (const made of manifests) this.#manifests.set(made.digest, made);
    for (const blob of parts.flatMap(({ blobs }) => blobs)) this.#blobs.set(blob.digest, blob);
    const entries = parts.flatMap((part) => part.entries);
    const built: Built = { manifest, entries, builtAt: this.#lastBuiltAt(image) };
    this.#built.set(image, built);
    return built;
  }

  #buildOf(image: CatalogImage): Build {
    return this.#builds.get(image) ?? FIRST_BUILD;
  }

  #lastBuiltAt(image: CatalogImage): Date {
    const times = this.#ownersOf(image).map((owner) =>
      builtAt(`${owner.repository}:${owner.tags[0]}`, this.#buildOf(owner).revision),
    );
    return new Date(Math.max(...times.map(Number)));
  }

  // The image itself, and those whose content its index holds.
  #ownersOf(image: CatalogImage): CatalogImage[] {
    return [...new Set([image, ...image.platforms.map((platform) => this.#ownerOf(image, platform))])];
  }

  #ownerOf(image: CatalogImage, platform: Platform): CatalogImage {
    if (!isShared(image)) return image;
    const owner = this.#images.find(
      (other) =>
        !isShared(other) &&
        other.platforms.some((own) => formatPlatform(own) === formatPlatform(platform)) &&
        other.tags.some((tag) => image.tags.some((shared) => tag.startsWith(`${shared}-`))),
    );
    return owner ?? image;
  }
}

// A Windows image whose tags name no version of Windows is a shared tag, `1.2` over `1.2-bookworm` and
// `1.2-windowsservercore-ltsc2022`: an index of the images of others.
function isShared({ platforms, tags }: CatalogImage): boolean {
  return platforms.some(({ os }) => os === 'windows') && windowsVersion(tags) === undefined;
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
