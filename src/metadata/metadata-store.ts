// What is known of the repositories that we serve. Bytes of blobs live elsewhere; here is who may have them, and why.
import type { Awaitable } from '../async/awaitable.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Manifest } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { GuardOptions } from '../oci/tag-guard.ts';
import type { Housekeeping } from './housekeeping.ts';

/** A page of a list in byte order. */
export interface Page {
  /** What the page begins after; it need not exist. */
  readonly last?: string | undefined;
  readonly limit: number;
}

export interface BlobSize {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A blob that a manifest names, and that is no garbage as long as it does. */
export interface NamedBlob extends BlobSize {
  /**
   * As what: a `part` has to be in the repository; a `foreign` layer lives elsewhere, and may be here too; a `child` of an
   * index may be here as a blob or as a manifest, and is among its `manifests` as well. Without it, as a part.
   */
  readonly as?: 'part' | 'foreign' | 'child' | undefined;
}

/** A manifest with what its bytes say, read by whoever puts it. The same digest always says the same. */
export interface NewManifest extends Manifest {
  readonly subject?: Digest | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The children of an index. */
  readonly manifests: readonly Digest[];
  /** The config and layers of an image, and the children of an index that its media types do not call manifests. */
  readonly blobs: readonly NamedBlob[];
}

export interface PutOptions extends GuardOptions {
  readonly tags?: readonly Tag[] | undefined;
  /** The upstream that it was fetched from; without one it was pushed. */
  readonly upstream?: string | undefined;
  /** What need not be in the repository: children of a sparse index, or anything while a cache is filled. */
  readonly mayLack?: 'nothing' | 'manifests' | 'anything' | undefined;
}

/** What a tag meant to its upstream, and when: milliseconds since the epoch. */
export interface ConfirmedTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest;
  readonly at: number;
}

export interface TagMove {
  /** `undefined` when the tag was deleted. */
  readonly digest: Digest | undefined;
  readonly at: Date;
  /** `undefined` when it was pushed. */
  readonly upstream: string | undefined;
}

export interface ManifestOrigin {
  readonly at: Date;
  /** `undefined` when it was pushed. */
  readonly upstream: string | undefined;
}

export interface ReferrersPage extends Page {
  readonly artifactType?: string | undefined;
}

/**
 * Every operation is atomic, and is on disk when its promise is fulfilled: but for leases, uploads, confirmations, last
 * use and trimmed history, which outlive the process and not a power cut. All reject with UsageError when the disk is
 * full or fails, or when another process does not let go of the database. Who disposes of a store has awaited all that
 * was asked of it.
 */
export interface MetadataStore extends Housekeeping, AsyncDisposable {
  /**
   * A copy of all that is known at this moment, to see what would come of something: nothing done to it is seen here.
   * Needs as much room as the original, until it is disposed.
   */
  rehearsal(): Promise<MetadataStore>;

  // What each request asks.

  /** What the tag means here. */
  resolveTag(repository: RepositoryName, tag: Tag): Awaitable<Descriptor | undefined>;
  statManifest(repository: RepositoryName, digest: Digest): Awaitable<Descriptor | undefined>;
  /** The bytes as they came; they are shared, and nobody writes into them. */
  manifest(repository: RepositoryName, digest: Digest): Awaitable<Manifest | undefined>;
  /** Whether the repository has a manifest that was pushed, and came from no upstream. */
  holdsPushed(repository: RepositoryName): Awaitable<boolean>;
  /** Whether the repository may serve the blob: it was uploaded, mounted or fetched for it. */
  statBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobSize | undefined>;

  // Manifests and tags.

  /**
   * Stores the manifest and moves the tags to it. Throws MANIFEST_BLOB_UNKNOWN, naming them, when children or blobs
   * are not in the repository. A missing subject is fine.
   */
  putManifest(repository: RepositoryName, manifest: NewManifest, options?: PutOptions): Promise<void>;
  /** Takes its tags along; `false` when it was not there. */
  deleteManifest(repository: RepositoryName, digest: Digest, options?: GuardOptions): Promise<boolean>;
  /** Leaves the manifest. `false` when there was no such tag. */
  deleteTag(repository: RepositoryName, tag: Tag, options?: GuardOptions): Promise<boolean>;
  /** Its upstream said so: putting it does as much. Nothing happens where the tag means something else by now. */
  confirmTag(tag: ConfirmedTag): Promise<void>;
  /** When the tag's upstream last said what it means here; `undefined` for one that was pushed, or is not there. */
  tagConfirmedAt(repository: RepositoryName, tag: Tag): Promise<number | undefined>;
  /** When and from where the repository was last given the manifest. */
  manifestOrigin(repository: RepositoryName, digest: Digest): Promise<ManifestOrigin | undefined>;
  /** What the tag meant, the latest first. */
  tagHistory(repository: RepositoryName, tag: Tag, limit: number): Promise<readonly TagMove[]>;

  // Lists.

  /** `undefined` when there is no such repository. */
  listTags(repository: RepositoryName, page: Page): Promise<readonly Tag[] | undefined>;
  /** Those that have ever held a manifest or a blob. */
  listRepositories(page: Page): Promise<readonly RepositoryName[]>;
  /**
   * Manifests of this repository with that subject, by digest. A page ends early where its annotations are many: only an
   * empty one is the end.
   */
  referrers(repository: RepositoryName, subject: Digest, page: ReferrersPage): Promise<readonly Descriptor[]>;

  // Blobs.

  /** The repository may serve the blob from now on. Ends the upload that brought it. */
  addBlob(repository: RepositoryName, blob: BlobSize, upload?: string): Promise<void>;
  /** `false` when `from` may not serve it: knowing a digest is no right. */
  mount(digest: Digest, from: RepositoryName, to: RepositoryName): Promise<boolean>;
  /** Who may serve the blob: where it can be mounted from. */
  repositoriesWith(digest: Digest, page: Page): Promise<readonly RepositoryName[]>;
  /** Only of this repository. `false` when it had no such blob. */
  deleteBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;
}
