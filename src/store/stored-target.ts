// The store as a place to copy to and from, beside the /v2 API that serves it.
import { isRetryable } from '../async/retryable.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import { Traffic } from '../observe/traffic.ts';
import { chooseEntries } from '../oci/choose-entries.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, algorithmOf } from '../oci/digest.ts';
import { OciError, isNotFound } from '../oci/errors.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type {
  BlobBody,
  DeletesTags,
  KeepsSparseIndexes,
  ListsTags,
  PushCall,
  PushOutcome,
  Resolution,
  Target,
} from '../oci/repository.ts';
import type { TagChange } from '../oci/tag-guard.ts';
import { newManifest } from './new-manifest.ts';
import type { StoredRegistry } from './stored-registry.ts';
import type { StoredRepository } from './stored-repository.ts';

export interface StoredTargetsOptions {
  readonly registry: StoredRegistry;
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The upstream that the content is of, for the history of tags; it was pushed where there is none. */
  readonly upstream?: string | undefined;
  /** The job that wants what is put here: its tags are pinned, which keeps them from eviction and freezes nothing. */
  readonly job?: string | undefined;
}

const MAX_ATTEMPTS = 4;
const NAMES_A_PAGE = 1_000;

/** The repositories of the store, as whoever copies sees them. */
export class StoredTargets {
  readonly traffic = new Traffic();
  readonly keepsSparseIndexes = true;
  readonly #options: StoredTargetsOptions;

  constructor(options: StoredTargetsOptions) {
    this.#options = options;
  }

  repository(name: RepositoryName): StoredTarget {
    return new StoredTarget(this.#options.registry.repository(name), this.traffic, this.#options);
  }

  /** Those that have ever held anything. */
  async listRepositories(): Promise<readonly RepositoryName[]> {
    const names: RepositoryName[] = [];
    for (;;) {
      const page = await this.#options.metadata.listRepositories({ last: names.at(-1), limit: NAMES_A_PAGE });
      names.push(...page);
      if (page.length < NAMES_A_PAGE) return names;
    }
  }
}

class StoredTarget implements Target, KeepsSparseIndexes, ListsTags, DeletesTags {
  readonly #stored: StoredRepository;
  readonly #traffic: Traffic;
  readonly #options: StoredTargetsOptions;

  constructor(stored: StoredRepository, traffic: Traffic, options: StoredTargetsOptions) {
    this.#stored = stored;
    this.#traffic = traffic;
    this.#options = options;
  }

  async resolve(reference: Tag | Digest): Promise<Resolution> {
    return { descriptor: await this.#stored.resolve(reference), asOf: new Date(this.#options.now()) };
  }

  async manifest(digest: Digest): Promise<Manifest> {
    return await this.#stored.manifest(digest);
  }

  async statBlob(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    try {
      return await this.#stored.statBlob(digest);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return undefined;
    }
  }

  async blob(digest: Digest): Promise<BlobBody> {
    const { metadata, content } = this.#options;
    const isOurs = (await metadata.statBlob(this.#stored.name, digest)) !== undefined;
    const blob = isOurs ? await content.open(digest) : undefined;
    if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `${this.#stored.name} has no blob ${digest}`);
    return { sizeBytes: blob.sizeBytes, body: blob.stream() };
  }

  async push(
    blob: Descriptor,
    open: () => Promise<ReadableStream<Uint8Array>>,
    call: PushCall = {},
  ): Promise<PushOutcome> {
    const { digest } = blob;
    if (call.isKnownAbsent !== true && (await this.statBlob(digest)) !== undefined) return 'present';
    if (call.mountFrom !== undefined && (await this.#stored.mountBlob(digest, call.mountFrom))) {
      this.#traffic.count('mount');
      return 'mounted';
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ingest(digest, await open(), call);
        return 'sent';
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!isRetryable(error) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  async put(manifest: Manifest, tags: readonly Tag[]): Promise<void> {
    await this.#put(manifest, tags, 'nothing');
  }

  async putSparse(index: Manifest, tags: readonly Tag[]): Promise<void> {
    await this.#put(index, tags, 'manifests');
  }

  async holds(digest: Digest, platforms: readonly Platform[]): Promise<boolean> {
    return await this.#holds(digest, platforms, new Set());
  }

  /** What was seen is held, or the answer is known already: indexes may share their children. */
  async #holds(digest: Digest, platforms: readonly Platform[], seen: Set<Digest>): Promise<boolean> {
    if (seen.has(digest)) return true;
    seen.add(digest);
    const { metadata } = this.#options;
    const manifest = await metadata.manifest(this.#stored.name, digest);
    if (manifest === undefined) return false;
    const { content } = readManifest(manifest.bytes);
    if (content.kind === 'index') {
      for (const child of chooseEntries(content, platforms)) {
        if (!(await this.#holds(child.digest, [], seen)) && !(await this.#holdsAsBlob(child))) return false;
      }
      return true;
    }
    for (const { digest: blob, as } of newManifest(manifest, content).blobs) {
      if (as === 'part' && (await metadata.statBlob(this.#stored.name, blob)) === undefined) return false;
    }
    return true;
  }

  async #holdsAsBlob({ digest, mediaType }: Descriptor): Promise<boolean> {
    if (isManifestType(mediaType)) return false;
    return (await this.#options.metadata.statBlob(this.#stored.name, digest)) !== undefined;
  }

  async #put(manifest: Manifest, tags: readonly Tag[], mayLack: 'nothing' | 'manifests'): Promise<void> {
    const { metadata, upstream, job } = this.#options;
    const { name } = this.#stored;
    const guard = (change: TagChange) => this.#stored.refuseMove(change);
    this.#traffic.count('manifestPut');
    const { content } = readManifest(manifest.bytes);
    await metadata.putManifest(name, newManifest(manifest, content), { tags, upstream, mayLack, guard });
    if (job === undefined) return;
    for (const tag of tags) await metadata.pin({ repository: name, tag, job });
  }

  async listTags(): Promise<ReadonlySet<Tag> | undefined> {
    const { metadata } = this.#options;
    const tags = new Set<Tag>();
    for (let last: Tag | undefined; ;) {
      const page = await metadata.listTags(this.#stored.name, { last, limit: NAMES_A_PAGE });
      if (page === undefined) return undefined;
      for (const tag of page) tags.add(tag);
      last = page.at(-1);
      if (page.length < NAMES_A_PAGE) return tags;
    }
  }

  async deleteTag(tag: Tag): Promise<boolean> {
    const { metadata, job } = this.#options;
    if (job !== undefined) await metadata.unpin({ repository: this.#stored.name, tag, job });
    await metadata.deleteTag(this.#stored.name, tag);
    return true;
  }

  /** The store was opened for it. */
  async tryToPush(): Promise<void> {}

  // Leased before its bytes are there, so that they are nobody's garbage before the repository has them.
  async #ingest(digest: Digest, body: ReadableStream<Uint8Array>, { onBytes }: PushCall): Promise<void> {
    const { metadata, content } = this.#options;
    await this.#stored.lease(digest);
    await using ingest = await content.begin(algorithmOf(digest));
    try {
      for await (const bytes of body) {
        await ingest.append(bytes);
        onBytes?.(bytes.byteLength);
      }
    } catch (error) {
      await ingest.abort();
      throw error;
    }
    const { sizeBytes } = ingest;
    // Again, as the blob may have been on its way for longer than that.
    await this.#stored.lease(digest);
    await ingest.commit(digest);
    await metadata.addBlob(this.#stored.name, { digest, sizeBytes });
    this.#traffic.count('blobPut');
    this.#traffic.sentBytes += sizeBytes;
  }
}
