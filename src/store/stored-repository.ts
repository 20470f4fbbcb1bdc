import type { Awaitable } from '../async/awaitable.ts';
import type { BlobStore } from '../content/blob-store.ts';
import { DiskError } from '../database/disk-error.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { OciError, type OciErrorCode } from '../oci/errors.ts';
import type { Manifest, ManifestContent } from '../oci/manifest.ts';
import type { Pattern } from '../oci/pattern.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { GuardOptions, TagChange, TagGuard } from '../oci/tag-guard.ts';
import { newManifest } from './new-manifest.ts';
import type { OpenUploads } from './open-uploads.ts';
import type { PushRules } from './push-rules.ts';
import { type Page, rowPage } from './row-page.ts';
import { type BlobBytes, type InclusiveRange, bytesOf } from './blob-bytes.ts';

export interface StoredRepositoryParts {
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  readonly uploads: OpenUploads;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly immutable: readonly Pattern[];
  readonly upstream?: string | undefined;
  readonly rules?: PushRules | undefined;
}

export interface UploadStatus {
  readonly id: string;
  readonly receivedBytes: number;
}

export interface UploadChunk {
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the client believes the upload to be; `undefined` when it did not say. */
  readonly offset?: number | undefined;
}

/** Who was told that a blob is here has so long to push the manifest that names it. */
const LEASE_MS = 3_600_000;
/** Reading goes on while another process has the database to itself. */
const LEASE_PATIENCE_MS = 500;
const REFERRERS_A_PAGE = 1_000;
const HOLDERS_LOOKED_AT = 100;

/** One repository of our own. Asking for what is not there throws NAME_UNKNOWN where the repository is not there either. */
export class StoredRepository {
  readonly name: RepositoryName;
  readonly #parts: StoredRepositoryParts;

  constructor(name: RepositoryName, parts: StoredRepositoryParts) {
    this.name = name;
    this.#parts = parts;
  }

  resolve(reference: Tag | Digest): Awaitable<Descriptor> {
    const { metadata } = this.#parts;
    const found = isDigest(reference)
      ? metadata.statManifest(this.name, reference)
      : metadata.resolveTag(this.name, reference);
    return this.#orUnknown(found, 'MANIFEST_UNKNOWN', reference);
  }

  manifest(reference: Tag | Digest): Awaitable<Manifest> {
    if (isDigest(reference)) return this.#manifest(reference);
    const meant = this.resolve(reference);
    return meant instanceof Promise ? meant.then(({ digest }) => this.#manifest(digest)) : this.#manifest(meant.digest);
  }

  /**
   * Children and blobs must be in this repository, or MANIFEST_BLOB_UNKNOWN is thrown: but for one of an upstream, which
   * has them.
   */
  async putManifest(
    manifest: Manifest,
    content: ManifestContent,
    tags: readonly Tag[],
    { guard }: GuardOptions = {},
  ): Promise<void> {
    const { upstream } = this.#parts;
    const mayLack = upstream === undefined ? 'nothing' : 'anything';
    const options = { tags, guard: this.#guardedBy(guard), upstream, mayLack } as const;
    await this.#parts.metadata.putManifest(this.name, newManifest(manifest, content), options);
  }

  async deleteTag(tag: Tag, { guard }: GuardOptions = {}): Promise<void> {
    if (await this.#parts.metadata.deleteTag(this.name, tag, { guard: this.#guardedBy(guard) })) return;
    throw await this.#unknown('MANIFEST_UNKNOWN', tag);
  }

  async deleteManifest(digest: Digest): Promise<void> {
    if (await this.#parts.metadata.deleteManifest(this.name, digest, { guard: this.#guardedBy() })) return;
    throw await this.#unknown('MANIFEST_UNKNOWN', digest);
  }

  async listTags(page: Page<Tag>): Promise<readonly Tag[]> {
    const tags = await this.#parts.metadata.listTags(this.name, rowPage(page));
    if (tags === undefined) throw this.#noRepository();
    return tags;
  }

  async *referrers(
    subject: Digest,
    { artifactType, after }: { readonly artifactType?: string | undefined; readonly after?: Digest | undefined },
  ): AsyncGenerator<Descriptor> {
    for (let last: string | undefined = after; ;) {
      const page = { artifactType, last, limit: REFERRERS_A_PAGE };
      const found = await this.#parts.metadata.referrers(this.name, subject, page);
      if (found.length === 0) return;
      yield* found;
      last = found.at(-1)?.digest;
    }
  }

  /**
   * Whoever is told that the blob is here may rely on it for an hour. What was lost is to be pushed again. When the disk
   * takes nothing, or another process keeps the database to itself, the blob is not held: a client that pushes then
   * learns only when it puts the manifest that it has gone meanwhile.
   */
  async statBlob(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    if ((await this.#parts.metadata.statBlob(this.name, digest)) !== undefined) await this.#leaseIfPossible(digest);
    return await this.sizeOfBlob(digest);
  }

  /** For whoever reads the blob now: nothing is promised. */
  async sizeOfBlob(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    const { metadata, content } = this.#parts;
    const blob = await this.#orUnknown(metadata.statBlob(this.name, digest), 'BLOB_UNKNOWN', digest);
    if ((await this.#findOrRestore(digest, () => content.stat(digest))) !== undefined) return blob;
    throw await this.#unknown('BLOB_UNKNOWN', digest);
  }

  async openBlob(digest: Digest, range?: InclusiveRange): Promise<BlobBytes> {
    const { metadata, content } = this.#parts;
    await this.#orUnknown(metadata.statBlob(this.name, digest), 'BLOB_UNKNOWN', digest);
    const blob = await this.#findOrRestore(digest, () => content.open(digest));
    if (blob === undefined) throw await this.#unknown('BLOB_UNKNOWN', digest);
    return bytesOf(blob, range);
  }

  async #leaseIfPossible(digest: Digest): Promise<void> {
    const { metadata, now } = this.#parts;
    try {
      await metadata.lease([digest], now() + LEASE_MS, { patienceMs: LEASE_PATIENCE_MS });
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }

  /** Holds a blob, for an hour where nothing is said, whether it is here already or not, so that nobody takes it for garbage. */
  async lease(digest: Digest, forMs = LEASE_MS): Promise<void> {
    const { metadata, now } = this.#parts;
    await metadata.lease([digest], now() + forMs);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    if (await this.#parts.metadata.deleteBlob(this.name, digest)) return;
    throw await this.#unknown('BLOB_UNKNOWN', digest);
  }

  /** Without `from`, from whichever repository has it that the client may read. */
  async mountBlob(digest: Digest, from: RepositoryName | undefined): Promise<boolean> {
    const { metadata, content, rules } = this.#parts;
    const holder =
      from === undefined ? await this.#holderOf(digest) : rules === undefined ? from : rules.sourceOf(from);
    if (holder === undefined || (await metadata.statBlob(holder, digest)) === undefined) return false;
    await this.lease(digest);
    if ((await this.#findOrRestore(digest, () => content.stat(digest))) === undefined) return false;
    return await metadata.mount(digest, holder, this.name);
  }

  async #holderOf(digest: Digest): Promise<RepositoryName | undefined> {
    const { metadata, rules } = this.#parts;
    const holders = await metadata.repositoriesWith(digest, { limit: HOLDERS_LOOKED_AT });
    return holders.find((holder) => rules?.mayRead(holder) ?? true);
  }

  async beginUpload(algorithm: 'sha256' | 'sha512'): Promise<UploadStatus> {
    const { metadata, uploads, rules } = this.#parts;
    const id = await uploads.begin(algorithm);
    await metadata.beginUpload({ id, repository: this.name });
    return { id: rules?.uploads?.outside(id) ?? id, receivedBytes: 0 };
  }

  async upload(called: string): Promise<UploadStatus> {
    const id = await this.#ownUpload(called);
    const receivedBytes = await this.#parts.uploads.sizeOf(id);
    if (receivedBytes === undefined) throw noUpload(called);
    return { id: called, receivedBytes };
  }

  async appendToUpload(called: string, chunk: UploadChunk): Promise<UploadStatus> {
    const { uploads, metadata } = this.#parts;
    const id = await this.#ownUpload(called);
    let receivedBytes = 0;
    await uploads.with({ id, offset: chunk.offset }, async (ingest) => {
      const before = ingest.sizeBytes;
      for await (const bytes of chunk.body) await ingest.append(bytes);
      receivedBytes = ingest.sizeBytes;
      await metadata.advanceUpload(id, before, receivedBytes);
      return 'open';
    });
    return { id: called, receivedBytes };
  }

  async finishUpload(called: string, digest: Digest, chunk: UploadChunk): Promise<void> {
    const { uploads, metadata } = this.#parts;
    const id = await this.#ownUpload(called);
    await uploads.with({ id, offset: chunk.offset }, async (ingest) => {
      for await (const bytes of chunk.body) await ingest.append(bytes);
      const { sizeBytes } = ingest;
      // From here on the blob is held, though no repository has it yet.
      if (!(await metadata.nameUpload(id, digest))) throw noUpload(called);
      try {
        await ingest.commit(digest);
      } catch (error) {
        await metadata.endUpload(id);
        throw error;
      }
      await metadata.addBlob(this.name, { digest, sizeBytes }, id);
      return 'over';
    });
  }

  async cancelUpload(called: string): Promise<void> {
    const id = await this.#ownUpload(called);
    await this.#parts.uploads.abort(id);
    await this.#parts.metadata.endUpload(id);
  }

  #manifest(digest: Digest): Awaitable<Manifest> {
    return this.#orUnknown(this.#parts.metadata.manifest(this.name, digest), 'MANIFEST_UNKNOWN', digest);
  }

  /** A collection that was killed may have left in the trash what a repository has; it was whole when it went there. */
  async #findOrRestore<T>(digest: Digest, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const found = await look();
    if (found !== undefined) return found;
    await this.#parts.content.restore(digest);
    // Also when it was not there: the collection itself may have been faster.
    return await look();
  }

  /** Of this repository, and of this client. */
  async #ownUpload(called: string): Promise<string> {
    const { metadata, rules } = this.#parts;
    const id = rules?.uploads === undefined ? called : rules.uploads.inside(called);
    const upload = id === undefined ? undefined : await metadata.upload(id);
    if (upload?.repository !== this.name) throw noUpload(called);
    return upload.id;
  }

  #guardedBy(guard?: TagGuard): TagGuard {
    return (change) => {
      guard?.(change);
      this.refuseMove(change);
    };
  }

  /** Throws DENIED for an immutable tag that means something else: a TagGuard. */
  refuseMove({ tag, from, to }: TagChange): void {
    if (from === undefined || from === to) return;
    const { immutable } = this.#parts;
    if (!immutable.some((pattern) => pattern.matchesName(this.name) && pattern.matchesTag(tag))) return;
    throw new OciError('DENIED', `the tag ${this.name}:${tag} is immutable, and stays at ${from}`);
  }

  #orUnknown<T>(found: Awaitable<T | undefined>, code: OciErrorCode, what: string): Awaitable<T> {
    if (found instanceof Promise) return found.then((value) => value ?? this.#refuseUnknown(code, what));
    return found ?? this.#refuseUnknown(code, what);
  }

  async #refuseUnknown(code: OciErrorCode, what: string): Promise<never> {
    throw await this.#unknown(code, what);
  }

  async #unknown(code: OciErrorCode, what: string): Promise<OciError> {
    const tags = await this.#parts.metadata.listTags(this.name, { limit: 1 });
    return tags === undefined ? this.#noRepository() : new OciError(code, `${this.name} has no ${what}`);
  }

  #noRepository(): OciError {
    return new OciError('NAME_UNKNOWN', `there is no repository ${this.name}`);
  }
}

function noUpload(id: string): OciError {
  return new OciError('BLOB_UPLOAD_UNKNOWN', `there is no upload ${id.slice(0, 100)} here; it ended, or never began`);
}
