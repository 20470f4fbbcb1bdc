import path from 'node:path';
import { isRetryable } from '../async/retryable.ts';
import { OciLayout, type OciLayoutOptions } from '../content/oci-layout.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, algorithmOf, isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { MAX_MANIFEST_BYTES, type Manifest, type ManifestContent, readManifest } from '../oci/manifest.ts';
import { isForeignLayerType, isIndexType } from '../oci/media-type.ts';
import type { Tag } from '../oci/reference.ts';
import type { BlobBody, DeletesTags, ListsTags, PushCall, PushOutcome, Resolution, Target } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { referenceOf, tagsOf } from './image-name.ts';
import { withTag, withoutBare, withoutTag } from './index-entries.ts';
import { inTurn } from './turns.ts';

/** One entry of a layout's index. */
export interface LayoutImage {
  readonly tag?: Tag | undefined;
  /** As docker prints it, where more than the tag is known: `nginx:1.27`. */
  readonly reference?: string | undefined;
  readonly descriptor: Descriptor;
}

const MAX_ATTEMPTS = 4;
/** Indexes of indexes exist; deeper than this is an attack. */
const MAX_DEPTH = 4;
const MAX_LISTED = 20;

/**
 * An OCI layout as one repository, whose tags are the names of its entries, or the tags of these names. What it hands
 * out was hashed. Several copies in one process may write to one folder; of two processes that write to its index at
 * once, the last one has its way. Errors of the folder are UsageError.
 */
export class LayoutRepository implements Target, ListsTags, DeletesTags {
  readonly #layout: OciLayout;
  readonly #folder: string;
  readonly #now: () => number;
  /** Of the indexes that were read, as they cannot change. */
  readonly #children = new Map<Digest, readonly Descriptor[]>();

  private constructor(layout: OciLayout, folder: string, { now }: OciLayoutOptions) {
    this.#layout = layout;
    this.#folder = folder;
    this.#now = now;
  }

  /** Throws UsageError when the folder is no layout. */
  static async open(folder: string, options: OciLayoutOptions): Promise<LayoutRepository> {
    return new LayoutRepository(await OciLayout.open(folder, options), folder, options);
  }

  /** The same, but makes an empty layout of an empty or missing folder. */
  static async openOrCreate(folder: string, options: OciLayoutOptions): Promise<LayoutRepository> {
    return new LayoutRepository(await OciLayout.openOrCreate(folder, options), folder, options);
  }

  /** In the order of the index; an image of several names comes several times. */
  async images(): Promise<readonly LayoutImage[]> {
    const { manifests } = await this.#layout.readIndex();
    return manifests.map((descriptor) => ({
      tag: tagsOf(descriptor)[0],
      reference: referenceOf(descriptor),
      descriptor,
    }));
  }

  /**
   * Without a reference: the one image that there is. Throws MANIFEST_UNKNOWN, and a UsageError that lists the images
   * when it could be several.
   */
  async resolve(reference?: Tag | Digest): Promise<Resolution> {
    const descriptor =
      reference !== undefined && isDigest(reference) ? await this.#known(reference) : await this.#find(reference);
    return { descriptor, asOf: new Date(this.#now()) };
  }

  async manifest(digest: Digest): Promise<Manifest> {
    const bytes = await this.#readManifest(digest);
    if (bytes === undefined) throw this.#unknown(digest);
    return { digest, mediaType: readManifest(bytes).mediaType, bytes };
  }

  async statBlob(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    return await this.#layout.blobs.stat(digest);
  }

  async blob(digest: Digest): Promise<BlobBody> {
    const blob = await this.#layout.blobs.open(digest);
    if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `${this.#folder} has no blob ${digest}`);
    return { sizeBytes: blob.sizeBytes, body: blob.stream() };
  }

  async push(
    blob: Descriptor,
    open: () => Promise<ReadableStream<Uint8Array>>,
    call: PushCall = {},
  ): Promise<PushOutcome> {
    if (await this.#hasSound(blob.digest)) return 'present';
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ingest(blob.digest, await open(), call);
        return 'sent';
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!isRetryable(error) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * A tag that moves keeps its place in the index. Without tags the manifest gets an entry without a name, unless
   * something in the index leads to it. Throws MANIFEST_BLOB_UNKNOWN when the layout lacks what the manifest names.
   */
  async put(manifest: Manifest, tags: readonly Tag[]): Promise<void> {
    const { digest, mediaType, bytes } = manifest;
    const { content } = readManifest(bytes);
    for (const part of partsOf(content)) {
      if ((await this.statBlob(part.digest)) !== undefined) continue;
      throw new OciError('MANIFEST_BLOB_UNKNOWN', `${this.#folder} lacks ${part.digest}, which ${digest} names`);
    }
    if (!(await this.#hasSound(digest))) await this.#ingest(digest, ReadableStream.from([bytes]), {});
    const root = { mediaType, digest, size: bytes.byteLength };
    const children = content.kind === 'index' ? content.manifests : [];
    await this.#changeIndex(async (entries) => {
      if (tags.length === 0 && (await this.#isReachable(digest, entries))) return entries;
      // What was put before the root that leads to it had an entry of its own meanwhile.
      const covered = new Set([digest, ...children.map((child) => child.digest)]);
      const others = withoutBare(entries, covered);
      return tags.length === 0 ? [...others, root] : tags.reduce((before, tag) => withTag(before, tag, root), others);
    });
  }

  async listTags(): Promise<ReadonlySet<Tag>> {
    const { manifests } = await this.#layout.readIndex();
    return new Set(manifests.flatMap(tagsOf));
  }

  /** Blobs and manifests stay; what no entry leads to any more is still found by its digest. */
  async deleteTag(tag: Tag): Promise<true> {
    await this.#changeIndex((entries) => Promise.resolve(withoutTag(entries, tag)));
    return true;
  }

  async #find(tag: Tag | undefined): Promise<Descriptor> {
    const images = await this.images();
    const found = images.filter(({ descriptor }) => tag === undefined || tagsOf(descriptor).includes(tag));
    const [first, ...others] = found;
    if (first === undefined) {
      const what = tag === undefined ? 'holds no image' : `holds no image of the tag ${tag}; ${listed(images)}`;
      throw new OciError('MANIFEST_UNKNOWN', `${this.#folder} ${what}`);
    }
    if (others.some(({ descriptor }) => descriptor.digest !== first.descriptor.digest)) {
      const what = tag === undefined ? 'several images' : `several images of the tag ${tag}`;
      throw new UsageError(`${this.#folder} holds ${what}; choose a tag or a digest; ${listed(found)}`);
    }
    return first.descriptor;
  }

  async #known(digest: Digest): Promise<Descriptor> {
    const { manifests } = await this.#layout.readIndex();
    const entry = manifests.find((one) => one.digest === digest);
    const bytes = await this.#readManifest(digest);
    if (bytes === undefined) throw this.#unknown(digest);
    return entry ?? { mediaType: readManifest(bytes).mediaType, digest, size: bytes.byteLength };
  }

  /** `undefined` also for what is a blob, but no manifest. */
  async #readManifest(digest: Digest): Promise<Uint8Array | undefined> {
    await using blob = await this.#layout.blobs.open(digest);
    if (blob === undefined || blob.sizeBytes > MAX_MANIFEST_BYTES) return undefined;
    const bytes = await readAll(blob.stream(), MAX_MANIFEST_BYTES);
    try {
      readManifest(bytes);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return undefined;
    }
    return bytes;
  }

  #unknown(digest: Digest): OciError {
    return new OciError('MANIFEST_UNKNOWN', `${this.#folder} has no manifest ${digest}`);
  }

  /** Others write there too, and leave behind what they did not finish. */
  async #hasSound(digest: Digest): Promise<boolean> {
    try {
      await using blob = await this.#layout.blobs.open(digest);
      return blob !== undefined;
    } catch (error) {
      if (!(error instanceof OciError) || error.code !== 'DIGEST_INVALID') throw error;
      return false;
    }
  }

  async #ingest(digest: Digest, body: ReadableStream<Uint8Array>, { onBytes }: PushCall): Promise<void> {
    await using ingest = await this.#layout.blobs.begin(algorithmOf(digest));
    try {
      for await (const bytes of body) {
        await ingest.append(bytes);
        onBytes?.(bytes.byteLength);
      }
    } catch (error) {
      await ingest.abort();
      throw error;
    }
    await ingest.commit(digest);
  }

  async #isReachable(wanted: Digest, from: readonly Descriptor[], depth = 0): Promise<boolean> {
    for (const { digest, mediaType } of from) {
      if (digest === wanted) return true;
      if (!isIndexType(mediaType) || depth >= MAX_DEPTH) continue;
      if (await this.#isReachable(wanted, await this.#childrenOf(digest), depth + 1)) return true;
    }
    return false;
  }

  async #childrenOf(digest: Digest): Promise<readonly Descriptor[]> {
    const known = this.#children.get(digest);
    if (known !== undefined) return known;
    const bytes = await this.#readManifest(digest);
    if (bytes === undefined) return [];
    const { content } = readManifest(bytes);
    const children = content.kind === 'index' ? content.manifests : [];
    this.#children.set(digest, children);
    return children;
  }

  async #changeIndex(change: (entries: readonly Descriptor[]) => Promise<readonly Descriptor[]>): Promise<void> {
    await inTurn(path.resolve(this.#folder), async () => {
      const index = await this.#layout.readIndex();
      const manifests = await change(index.manifests);
      if (manifests !== index.manifests) await this.#layout.writeIndex({ ...index, manifests });
    });
  }
}

/** What has to be there for a manifest to be of use; foreign layers stay where they are. */
function partsOf(content: ManifestContent): readonly Descriptor[] {
  if (content.kind === 'index') return content.manifests;
  return [content.config, ...content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))];
}

function listed(images: readonly LayoutImage[]): string {
  const names = images.map(({ tag, reference, descriptor }) => reference ?? tag ?? descriptor.digest);
  const shown = names.slice(0, MAX_LISTED).join(', ');
  return `there ${names.length === 1 ? 'is' : 'are'} ${shown}${names.length > MAX_LISTED ? ', …' : ''}`;
}
