import { Semaphore } from '../async/semaphore.ts';
import type { BlobStore, OpenBlob } from '../content/blob-store.ts';
import { StorageError } from '../content/storage-error.ts';
import { CopyError, blame, blamed } from '../copy/copy-error.ts';
import { type Digest, algorithmOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { MAX_MANIFEST_BYTES, type Manifest, readManifest } from '../oci/manifest.ts';
import type { Call, Source } from '../oci/repository.ts';
import { readAll } from '../streams/read-all.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import type { LockedBlob } from './lock-file.ts';

export interface StagingOptions extends Call {
  readonly onBytes?: ((count: number) => void) | undefined;
}

const BLOBS_AT_ONCE = 8;

/** Content from afar, kept until the bundle is written: each is fetched once, and what a stopped run left is not. */
export class Staging {
  readonly #blobs: BlobStore;
  readonly #options: StagingOptions;
  readonly #slots = new Semaphore(BLOBS_AT_ONCE);
  readonly #coming = new Map<Digest, Promise<void>>();

  constructor(blobs: BlobStore, options: StagingOptions) {
    this.#blobs = blobs;
    this.#options = options;
  }

  /** Throws BLOB_UNKNOWN for what was not kept. */
  async open(digest: Digest): Promise<OpenBlob> {
    const blob = await this.#blobs.open(digest);
    if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `${digest} was fetched, and is gone again`);
    return blob;
  }

  /** `undefined` when it was not kept, or is damaged. */
  async manifest(digest: Digest): Promise<Manifest | undefined> {
    try {
      await using blob = await this.#blobs.open(digest);
      if (blob === undefined) return undefined;
      const bytes = await readAll(blob.stream(), MAX_MANIFEST_BYTES);
      return { digest, mediaType: readManifest(bytes).mediaType, bytes };
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return undefined;
    }
  }

  async keep({ digest, bytes }: Manifest): Promise<void> {
    await using ingest = await this.#blobs.begin(algorithmOf(digest));
    await ingest.append(bytes);
    await ingest.commit(digest);
  }

  /** Throws CopyError, and StorageError when the disk takes no more. */
  async take(blob: LockedBlob, source: Source): Promise<void> {
    const { digest } = blob;
    const coming = this.#coming.get(digest) ?? this.#fetch(blob, source);
    this.#coming.set(digest, coming);
    try {
      await coming;
    } catch (error) {
      // Another image may find it elsewhere.
      this.#coming.delete(digest);
      throw error;
    }
  }

  async #fetch({ digest, sizeBytes }: LockedBlob, source: Source): Promise<void> {
    const { signal, onBytes } = this.#options;
    using _slot = await this.#slots.acquire(signal);
    if (await this.#isSound(digest)) return;
    const { sizeBytes: offered, body } = await blame('source', source.blob(digest, { signal, sizeBytes }));
    if (offered !== sizeBytes) {
      await body.cancel();
      throw new CopyError('source', unfit({ digest, sizeBytes }, offered));
    }
    await using ingest = await this.#blobs.begin(algorithmOf(digest));
    try {
      for await (const bytes of verifyDigest(body, { digest, sizeBytes })) {
        await ingest.append(bytes);
        onBytes?.(bytes.byteLength);
      }
    } catch (error) {
      await ingest.abort();
      throw error instanceof StorageError ? error : blamed('source', error);
    }
    await ingest.commit(digest);
  }

  async #isSound(digest: Digest): Promise<boolean> {
    try {
      await using blob = await this.#blobs.open(digest);
      return blob !== undefined;
    } catch (error) {
      if (!(error instanceof OciError) || error.code !== 'DIGEST_INVALID') throw error;
      return false;
    }
  }
}

/** What a source has that has another blob than a manifest says. */
export function unfit({ digest, sizeBytes }: LockedBlob, found: number | undefined): OciError {
  if (found === undefined) return new OciError('BLOB_UNKNOWN', `it lacks the blob ${digest}`);
  return new OciError('SIZE_INVALID', `the blob ${digest} has ${found} bytes, but its manifest says ${sizeBytes}`);
}
