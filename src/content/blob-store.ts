// The port to where bytes are kept by their digest. test/contract/blob-store.ts is its specification.
import type { FileHandle } from 'node:fs/promises';
import type { Digest } from '../oci/digest.ts';
import type { ByteRange } from './byte-range.ts';
import type { DigestAlgorithm, Ingest, IngestStatus } from './ingest.ts';

/** A part of a file, for a server that sends files faster than streams. */
export interface FileSlice extends ByteRange {
  /** Closed with the blob that it came from. */
  readonly file: FileHandle;
  /** Where the file is below the folder of all blobs: `sha256/ab/cd/abcd…`. It may be gone from there at any moment. */
  readonly place?: string | undefined;
}

/**
 * A blob that can be read until it is disposed, also when it is deleted meanwhile. Its stream disposes it when it ends,
 * fails or is cancelled; disposing twice does no harm. A range that does not lie in it is RANGE_INVALID.
 */
export interface OpenBlob extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Where the bytes are in a file of this machine; `undefined` where they are in none. */
  slice(range?: ByteRange): FileSlice | undefined;
  /** May be called once. */
  stream(range?: ByteRange): ReadableStream<Uint8Array>;
}

export interface BlobStatus {
  readonly sizeBytes: number;
  /** When it was last committed or adopted; of one that was taken back out of the trash, some moment since. */
  readonly placedAt: Date;
}

interface ReadsBlobs {
  stat(digest: Digest): Promise<BlobStatus | undefined>;
  open(digest: Digest): Promise<OpenBlob | undefined>;
  /**
   * All digests in their order, from the one that follows `after` on, in pages of at most a thousand. What comes and
   * goes meanwhile may be listed or not.
   */
  list(after?: Digest): AsyncIterable<readonly Digest[]>;
}

interface TakesBlobs {
  /** The algorithm that the digest will have, where it is known: under another one the commit reads all bytes again. */
  begin(algorithm?: DigestAlgorithm): Promise<Ingest>;
  /** Goes on with an ingest of this or another process, dead or alive. Throws BLOB_UPLOAD_UNKNOWN. */
  resume(id: string, algorithm?: DigestAlgorithm): Promise<Ingest>;
  /** Looks at an ingest and leaves it with whoever has it. */
  statIngest(id: string): Promise<IngestStatus | undefined>;
  listIngests(): AsyncIterable<IngestStatus>;
  /** Removes the bytes of an ingest, whoever has it. */
  abortIngest(id: string): Promise<void>;
  /**
   * Takes a file of this machine that somebody else wrote and has closed. Throws DIGEST_INVALID when it hashes to
   * something else, and leaves it where it is; afterwards it is gone from there. Who hashed the bytes as he wrote them
   * says what they hash to: they are not read again then.
   */
  adopt(digest: Digest, file: string, hashedTo?: Digest): Promise<void>;
}

interface RemovesBlobs {
  /** Moves a blob to the trash, if it was placed before. Gives what it was; `undefined` when there was none. */
  delete(digest: Digest, placedBefore?: Date): Promise<BlobStatus | undefined>;
  /** Takes a blob back out of the trash. `false` when it is not in it any more. */
  restore(digest: Digest): Promise<boolean>;
  /** What can be restored, in pages of at most a thousand, in no order. It may have been committed anew meanwhile. */
  listTrash(): AsyncIterable<readonly Digest[]>;
  /** Frees the space of what was deleted before a point in time. */
  emptyTrash(olderThan: Date): Promise<{ readonly blobs: number; readonly sizeBytes: number }>;
  /**
   * Hashes a blob again and moves it aside if it is not what it was, for whoever wants to look. `false` when it is
   * sound, or not there.
   */
  quarantine(digest: Digest): Promise<boolean>;
}

/**
 * Bytes by digest: what can be read under a digest was hashed to it. Several processes may use one store; two that
 * commit the same blob both succeed. Everything throws StorageError when the storage fails.
 */
export interface BlobStore extends ReadsBlobs, TakesBlobs, RemovesBlobs {}
