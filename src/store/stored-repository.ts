import type { Awaitable } from '../async/awaitable.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { OciError, type OciErrorCode } from '../oci/errors.ts';
import type { Manifest, ManifestContent } from '../oci/manifest.ts';
import type { Pattern } from '../oci/pattern.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import { newManifest } from './new-manifest.ts';
import type { OpenUploads } from './open-uploads.ts';
import { type Page, rowPage } from './row-page.ts';
import { type BlobBytes, type InclusiveRange, bytesOf } from './blob-bytes.ts';

export interface StoredRepositoryParts {
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  readonly uploads: OpenUploads;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly immutable: readonly Pattern[];
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
const REFERRERS_A_PAGE = 1_000;
const TAGS_A_PAGE = 1_000;

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

  manifest(digest: Digest): Awaitable<Manifest> {
    return this.#orUnknown(this.#parts.metadata.manifest(this.name, digest), 'MANIFEST_UNKNOWN', digest);
  }

  /** Children and blobs must be in this repository, or MANIFEST_BLOB_UNKNOWN is thrown. */
  async putManifest(manifest: Manifest, content: ManifestContent, tags: readonly Tag[]): Promise<void> {
    for (const tag of tags) await this.#refuseMove(tag, manifest.digest);
    await this.#parts.metadata.putManifest(this.name, newManifest(manifest, content), { tags });
  }

  async deleteTag(tag: Tag): Promise<void> {
    await this.#refuseMove(tag, undefined);
    if (!(await this.#parts.metadata.deleteTag(this.name, tag))) throw await this.#unknown('MANIFEST_UNKNOWN', tag);
  }

  async deleteManifest(digest: Digest): Promise<void> {
    const { metadata } = this.#parts;
    for (let last: Tag | undefined, isMore = this.#parts.immutable.length > 0; isMore;) {
      const tags = await metadata.tagsOf(this.name, digest, { last, limit: TAGS_A_PAGE });
      for (const tag of tags) await this.#refuseMove(tag, undefined);
      last = tags.at(-1);
      isMore = tags.length === TAGS_A_PAGE;
    }
    if (!(await metadata.deleteManifest(this.name, digest))) throw await this.#unknown('MANIFEST_UNKNOWN', digest);
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
      yield* found;
      if (found.length < REFERRERS_A_PAGE) return;
      last = found.at(-1)?.digest;
    }
  }

  /** Whoever is told that the blob is here may rely on it for an hour. */
  async statBlob(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    const { metadata } = this.#parts;
    const isHere = (await metadata.statBlob(this.name, digest)) !== undefined;
    if (isHere) await this.lease(digest);
    return await this.#orUnknown(metadata.statBlob(this.name, digest), 'BLOB_UNKNOWN', digest);
  }

  async openBlob(digest: Digest, range?: InclusiveRange): Promise<BlobBytes> {
    const { metadata, content } = this.#parts;
    await this.#orUnknown(metadata.statBlob(this.name, digest), 'BLOB_UNKNOWN', digest);
    const blob = await content.open(digest);
    if (blob === undefined) throw await this.#unknown('BLOB_UNKNOWN', digest);
    return bytesOf(blob, range);
  }

  /** Holds a blob for an hour, whether it is here already or not, so that nobody takes it for garbage. */
  async lease(digest: Digest): Promise<void> {
    const { metadata, now } = this.#parts;
    await metadata.lease([digest], now() + LEASE_MS);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    if (await this.#parts.metadata.deleteBlob(this.name, digest)) return;
    throw await this.#unknown('BLOB_UNKNOWN', digest);
  }

  /** Without `from`, from whichever repository has it: there are no accounts yet that may read one and not another. */
  async mountBlob(digest: Digest, from: RepositoryName | undefined): Promise<boolean> {
    const { metadata } = this.#parts;
    const holder = from ?? (await metadata.repositoriesWith(digest, { limit: 1 }))[0];
    if (holder === undefined || (await metadata.statBlob(holder, digest)) === undefined) return false;
    await this.lease(digest);
    return await metadata.mount(digest, holder, this.name);
  }

  async beginUpload(algorithm: 'sha256' | 'sha512'): Promise<UploadStatus> {
    const { metadata, uploads } = this.#parts;
    const id = await uploads.begin(algorithm);
    await metadata.beginUpload({ id, repository: this.name });
    return { id, receivedBytes: 0 };
  }

  async upload(id: string): Promise<UploadStatus> {
    await this.#ownUpload(id);
    const receivedBytes = await this.#parts.uploads.sizeOf(id);
    if (receivedBytes === undefined) throw noUpload(id);
    return { id, receivedBytes };
  }

  async appendToUpload(id: string, chunk: UploadChunk): Promise<UploadStatus> {
    const { uploads, metadata } = this.#parts;
    await this.#ownUpload(id);
    let receivedBytes = 0;
    await uploads.with(id, async (ingest) => {
      const before = ingest.sizeBytes;
      checkOffset(id, before, chunk.offset);
      for await (const bytes of chunk.body) await ingest.append(bytes);
      receivedBytes = ingest.sizeBytes;
      await metadata.advanceUpload(id, before, receivedBytes);
      return 'open';
    });
    return { id, receivedBytes };
  }

  async finishUpload(id: string, digest: Digest, chunk: UploadChunk): Promise<void> {
    const { uploads, metadata } = this.#parts;
    await this.#ownUpload(id);
    await uploads.with(id, async (ingest) => {
      checkOffset(id, ingest.sizeBytes, chunk.offset);
      for await (const bytes of chunk.body) await ingest.append(bytes);
      const { sizeBytes } = ingest;
      // From here on the blob is held, though no repository has it yet.
      if (!(await metadata.nameUpload(id, digest))) throw noUpload(id);
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

  async cancelUpload(id: string): Promise<void> {
    await this.#ownUpload(id);
    await this.#parts.uploads.abort(id);
    await this.#parts.metadata.endUpload(id);
  }

  async #ownUpload(id: string): Promise<void> {
    const upload = await this.#parts.metadata.upload(id);
    if (upload?.repository !== this.name) throw noUpload(id);
  }

  async #refuseMove(tag: Tag, to: Digest | undefined): Promise<void> {
    const { immutable, metadata } = this.#parts;
    if (!immutable.some((pattern) => pattern.matchesName(this.name) && pattern.matchesTag(tag))) return;
    const now = await metadata.resolveTag(this.name, tag);
    if (now === undefined || now.digest === to) return;
    throw new OciError('DENIED', `the tag ${this.name}:${tag} is immutable, and stays at ${now.digest}`);
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

function checkOffset(id: string, receivedBytes: number, offset: number | undefined): void {
  if (offset === undefined || offset === receivedBytes) return;
  throw new OciError('RANGE_INVALID', `the upload ${id} goes on at byte ${receivedBytes}, not at ${offset}`);
}

function noUpload(id: string): OciError {
  return new OciError('BLOB_UPLOAD_UNKNOWN', `there is no upload ${id.slice(0, 100)} here; it ended, or never began`);
}
