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

/**
 * Which of the manifests that came from an upstream are to go: the longest unused of those last used before, or the
 * oldest of those put before. A child that is used renews the indexes of its repository that name it, and an index keeps
 * its children: so an index goes before them.
 */
export interface EvictionRule {
  readonly order: 'use' | 'age';
  readonly before: number;
  /** What was put since is left alone. */
  readonly putBefore?: number | undefined;
}

export interface EvictableManifest extends RepositoryDigest {
  /** When it was last used, or put: what it is ordered by. */
  readonly atMs: number;
}

export interface EvictedManifests {
  readonly manifests: number;
  /** Children of those that nothing else keeps now, and that the rule is for as well: at most a thousand. */
  readonly orphans: readonly EvictableManifest[];
  /** What they named, and no manifest names any more; not all of it ever came here. */
  readonly blobs: readonly Digest[];
  /** By so much less is in the cache. */
  readonly sizeBytes: number;
}

export interface CachedBytes {
  readonly sizeBytes: number;
  readonly next: string | undefined;
}

export interface RepositoryTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

/** Which moves of a tag stay: its latest `keep`, and all since `before`. */
export interface TagHistoryLimits {
  readonly keep: number;
  readonly before: number;
}

/**
 * Deleting what a scan found asks again, in the same transaction, whether it is still garbage, and leaves what is not:
 * between the two somebody may have begun to need it. What is deleted together is one transaction, in which nobody else
 * writes: some dozens are given at a time.
 */
export interface Housekeeping {
  // Upload sessions.

  beginUpload(upload: NewUpload): Promise<void>;
  upload(id: string): Promise<Upload | undefined>;
  /** `false` when the upload is not at `from`, or not there: somebody else was faster. */
  advanceUpload(id: string, from: number, to: number): Promise<boolean>;
  /** Says which blob the upload is about to become, which makes it as young as receiving something. */
  nameUpload(id: string, digest: Digest): Promise<boolean>;
  endUpload(id: string): Promise<boolean>;
  /** Ends an upload that `staleUploads` would list. */
  endStaleUpload(id: string, before: number): Promise<boolean>;
  /** Those that received nothing since, in the order of their ids. */
  staleUploads(before: number, page: { last?: string | undefined; limit: number }): Promise<readonly Upload[]>;

  // What keeps content that no manifest names, or that no one uses.

  /**
   * None of these is garbage until then, nor for up to a quarter of an hour longer, so that asking again seldom costs a
   * write. Never shortens a lease. Who tells a client that a blob is here takes the lease first, and looks then. Waits
   * for another process that has the database no longer than `patienceMs`, if that is said.
   */
  lease(digests: readonly Digest[], until: number, options?: { readonly patienceMs?: number }): Promise<void>;
  /** Forgets leases that are over, at most `limit`; says how many. */
  forgetLeases(limit: number): Promise<number>;
  pin(pin: Pin): Promise<void>;
  unpin(pin: Pin): Promise<boolean>;
  /** In the order of repositories and tags. */
  pinsOf(job: string, page: { last?: Pin | undefined; limit: number }): Promise<readonly Pin[]>;
  /** And the indexes of their repositories that name them, or name one that does: also where the child is not here. */
  markUsed(manifests: readonly RepositoryDigest[], at: number): Promise<void>;

  // What can be fetched again.

  /**
   * Those of the rule that came from an upstream, and that no pinned tag, no lease and no other manifest of their
   * repository keeps, in the rule's order.
   */
  evictableManifests(rule: EvictionRule, page: ScanPage): Promise<Scan<EvictableManifest>>;
  /**
   * Deletes those that `evictableManifests` would list, unless they were used since they were listed; in the order of
   * age, unless they were put anew. Their tags go without an entry in their history: nobody has deleted them. Their
   * repositories lose the blobs that only they named, as `forgetUnnamedBlobs` would, but for what was given since.
   */
  evictManifests(
    manifests: readonly EvictableManifest[],
    rule: EvictionRule,
    givenBefore: number,
  ): Promise<EvictedManifests>;
  /**
   * How large some of the cache's blobs are: of those that are here, and that manifests name of which all may go some
   * day. What was pushed is not among them, nor what a pinned tag means, nor what is below those. Each blob is counted
   * once. The page is of all blobs.
   */
  cachedBytes(page: ScanPage): Promise<CachedBytes>;

  // Garbage.

  /** Blobs of no manifest, no lease and no open upload, that no repository was given since. */
  unreferencedBlobs(before: number, page: ScanPage): Promise<Scan<Digest>>;
  /** Blobs that a repository was given before, and that no manifest of it names. Leases and open uploads hold them. */
  unnamedBlobs(before: number, page: ScanPage): Promise<Scan<RepositoryDigest>>;
  /** Manifests put before that have no tag, no parent, no lease, and are about no subject that is there. */
  untaggedManifests(before: number, page: ScanPage): Promise<Scan<RepositoryDigest>>;
  /** Those of the digests that are of no blob here, and that no lease and no open upload holds. */
  unknownBlobs(digests: readonly Digest[]): Promise<readonly Digest[]>;
  /**
   * Forgets those that `unreferencedBlobs` would list, in all repositories. Gives the ones whose bytes may go: also those
   * that are unknown already.
   */
  forgetBlobs(digests: readonly Digest[], before: number): Promise<readonly Digest[]>;
  /** Takes from repositories the blobs that `unnamedBlobs` would list; says how many. */
  forgetUnnamedBlobs(blobs: readonly RepositoryDigest[], before: number): Promise<number>;
  /** Deletes the manifests that `untaggedManifests` would list; says how many. */
  forgetUntaggedManifests(manifests: readonly RepositoryDigest[], before: number): Promise<number>;
  /** Tags, also deleted ones, that have moved more than `keep` times. */
  longTagHistories(keep: number, page: ScanPage): Promise<Scan<RepositoryTag>>;
  /** Forgets the earliest moves of a tag, at most `limit`; says how many. */
  trimTagHistory(tag: RepositoryTag, limits: TagHistoryLimits, limit: number): Promise<number>;
}
