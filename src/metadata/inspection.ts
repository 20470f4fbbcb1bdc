// What a check of the store asks of its rows. Nothing here writes, and no answer comes out of a memory of what was read
// before: what is on the disk now is what counts.
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { RepositoryDigest, RepositoryTag, Scan, ScanPage } from './housekeeping.ts';
import type { BlobSize, PutOptions } from './metadata-store.ts';

/** A repository's part of what is kept of a manifest. */
export interface HeldManifest extends RepositoryDigest {
  /** As it came to this repository. */
  readonly mediaType: string;
  /** `undefined` when it was pushed. */
  readonly upstream: string | undefined;
  /** `undefined` when it was put before that was kept, so that anything may be missing. */
  readonly mayLack: PutOptions['mayLack'];
}

/** What a manifest names, its repository lacks, and it was not allowed to lack when it was put. */
export interface IncompleteManifest extends HeldManifest {
  readonly lackedManifests: readonly Digest[];
  readonly lackedBlobs: readonly Digest[];
}

export interface BlobOrigin {
  readonly repository: RepositoryName;
  readonly upstream: string;
}

/** Each answer is of one moment. All reject with UsageError when the database cannot be read. */
export interface Inspection {
  /** What the database itself finds wrong with its file, at most so many sentences; none when it is sound. */
  problems(limit: number): Promise<readonly string[]>;

  /** Of the blobs that a repository may serve. */
  heldBlobTotals(): Promise<{ readonly blobs: number; readonly sizeBytes: number }>;
  /** Blobs that a repository may serve, with the sizes that were recorded. */
  heldBlobs(page: ScanPage): Promise<Scan<BlobSize>>;
  /** Repositories with a manifest that names the blob and came from an upstream: where it can be had again. */
  blobOrigins(digest: Digest, limit: number): Promise<readonly BlobOrigin[]>;

  manifests(page: ScanPage): Promise<Scan<Digest>>;
  /** `undefined` when no repository has it, and no bytes when they are lost. */
  manifestBytes(digest: Digest): Promise<{ readonly bytes: Uint8Array | undefined } | undefined>;
  /** Of each repository that has the manifest, those of an upstream first. */
  manifestHolders(digest: Digest, limit: number): Promise<readonly HeldManifest[]>;
  incompleteManifests(page: ScanPage): Promise<Scan<IncompleteManifest>>;
  /** `undefined` when it lacks nothing, or is not there. */
  incompleteManifest(manifest: RepositoryDigest): Promise<IncompleteManifest | undefined>;
  /** Tags that mean no manifest of their repository. */
  danglingTags(page: ScanPage): Promise<Scan<RepositoryTag>>;
}
