// What keeps content, and how what nothing keeps is found. All times are milliseconds since the epoch.
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

export interface NewUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  /** What it will be, where that is known: the blob is held as long as the upload is open. */
  readonly digest?: Digest | undefined;
}

export interface Upload extends NewUpload {
  readonly startedAtMs: number;
  /** Bytes that were received. */
  readonly offset: number;
}

export interface Pin {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly job: string;
}

/** A look at some of the rows, so that none takes long: there is more as long as there is a `next`. */
export interface Scan<T> {
  readonly found: readonly T[];
  readonly next: string | undefined;
}

export interface ScanPage {
  /** The `next` of the scan before. */
  readonly after?: string | undefined;
  /** How many rows are looked at, not how many are found. */
  readonly limit: number;
}

export interface RepositoryDigest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

export interface UsedManifest extends RepositoryDigest {
  readonly usedAtMs: number;
}

/**
 * Deleting what a scan found asks again, in the same transaction, whether it is still garbage, and says `false` when it
 * is not: between the two somebody may have begun to need it.
 */
export interface Housekeeping {
  // Upload sessions.

  beginUpload(upload: NewUpload): Promise<void>;
  upload(id: string): Promise<Upload | undefined>;
  /** `false` when the upload is not at `from`, or not there: somebody else was faster. */
  advanceUpload(id: string, from: number, to: number): Promise<boolean>;
  /** Says which blob the upload is about to become. */
  nameUpload(id: string, digest: Digest): Promise<boolean>;
  endUpload(id: string): Promise<boolean>;
  /** Those that received nothing since, in the order of their ids. */
  staleUploads(before: number, page: { last?: string | undefined; limit: number }): Promise<readonly Upload[]>;

  // What keeps content that no manifest names, or that no one uses.

  /**
   * None of these is garbage until then, nor for up to a quarter of an hour longer, so that asking again seldom costs a
   * write. Never shortens a lease. Who tells a client that a blob is here takes the lease first, and looks then.
   */
  lease(digests: readonly Digest[], until: number): Promise<void>;
  /** Forgets leases that are over, at most `limit`; says how many. */
  forgetLeases(limit: number): Promise<number>;
  pin(pin: Pin): Promise<void>;
  unpin(pin: Pin): Promise<boolean>;
  /** In the order of repositories and tags. */
  pinsOf(job: string, page: { last?: Pin | undefined; limit: number }): Promise<readonly Pin[]>;
  markUsed(manifests: readonly RepositoryDigest[], at: number): Promise<void>;
  /** Manifests that no pinned tag and no other manifest of their repository needs, the longest unused first. */
  leastRecentlyUsed(before: number, page: ScanPage): Promise<Scan<UsedManifest>>;

  // Garbage.

  /** Blobs of no manifest, no lease and no open upload, that no repository was given since. */
  unreferencedBlobs(before: number, page: ScanPage): Promise<Scan<Digest>>;
  /** Blobs that a repository was given before, and that no manifest of it names. Leases and open uploads hold them. */
  unnamedBlobs(before: number, page: ScanPage): Promise<Scan<RepositoryDigest>>;
  /** Manifests put before that have no tag, no parent, no lease, and are about no subject that is there. */
  untaggedManifests(before: number, page: ScanPage): Promise<Scan<RepositoryDigest>>;
  /**
   * Forgets a blob that `unreferencedBlobs` would list, in all repositories. `true` also for a blob that nobody knows
   * of: its bytes may go.
   */
  forgetBlob(digest: Digest, before: number): Promise<boolean>;
  /** Takes from the repository a blob that `unnamedBlobs` would list. */
  forgetUnnamedBlob(blob: RepositoryDigest, before: number): Promise<boolean>;
  /** Deletes a manifest that `untaggedManifests` would list. */
  forgetUntaggedManifest(manifest: RepositoryDigest, before: number): Promise<boolean>;
}
