import type { Digest, algorithmOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';

export type DigestAlgorithm = ReturnType<typeof algorithmOf>;

/**
 * A blob on its way in.
 *
 *     begin -> append… -> commit      the blob is there, or (wrong digest, full disk) nothing is
 *                      -> abort       nothing is left
 *                      -> dispose     the bytes stay, for `resume`, here or in another process
 *
 * One process has it at a time, and makes one call at a time. Who resumes an ingest takes it over, and a former holder
 * that still lives finds out at its commit. After commit and abort, whatever came of them, it is unknown.
 */
export interface Ingest extends AsyncDisposable {
  readonly id: string;
  /** How many bytes it has: the next ones are appended there. */
  readonly sizeBytes: number;
  /** Throws StorageError when the storage takes no more, and then the ingest is aborted, which frees its space. */
  append(chunk: Uint8Array): Promise<void>;
  /**
   * Makes the bytes readable under the digest, and resolves when they would survive a power cut. Throws DIGEST_INVALID
   * when they hash to something else, BLOB_UPLOAD_UNKNOWN when another process took the ingest over, StorageError.
   */
  commit(digest: Digest): Promise<void>;
  /** May be called at any time. */
  abort(): Promise<void>;
}

export interface IngestStatus {
  readonly id: string;
  readonly sizeBytes: number;
  readonly changedAt: Date;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isIngestId(text: string): boolean {
  return ID.test(text);
}

export function unknownIngest(id: string): OciError {
  return new OciError(
    'BLOB_UPLOAD_UNKNOWN',
    `there is no upload ${id.slice(0, 100)}; it ended, or another process has it`,
  );
}

/** What a commit throws for bytes that are other ones than were named. */
export function wrongDigest(found: Digest, expected: Digest): OciError {
  return new OciError('DIGEST_INVALID', `the bytes hash to ${found}, not to ${expected}`);
}
