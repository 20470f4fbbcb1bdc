import type { Platform } from '../oci/platform.ts';
import type { Call } from '../oci/repository.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

/** One image that a catalog wants: all its tags are known to mean the same thing. */
export interface CatalogImage {
  /** The path at the upstream: `library/nginx`. */
  readonly repository: RepositoryName;
  /** As people write it: `nginx`. */
  readonly name: string;
  /** At least one. A tag occurs in one image of a repository only. */
  readonly tags: readonly Tag[];
  /** What the catalog promises; empty when it does not know. */
  readonly platforms: readonly Platform[];
  /** When the last of its tags was moved, in milliseconds since the epoch, where the catalog knows. */
  readonly updatedAtMs?: number | undefined;
}

/** A part of the catalog that could not be read; the rest is listed all the same. */
export interface CatalogProblem {
  /** The file, or whatever else it is: a repository, or one of several catalogs. */
  readonly file: string;
  /** 1-based. */
  readonly line?: number | undefined;
  readonly message: string;
}

export interface CatalogListing {
  readonly images: readonly CatalogImage[];
  readonly problems: readonly CatalogProblem[];
  /** The commit that was read, where the catalog is a git repository. */
  readonly revision?: string | undefined;
  /** Sentences for the report, such as that an older copy had to be used. */
  readonly notices: readonly string[];
}

/** What is news in a listing since an earlier state of the catalog. */
export interface CatalogChanges {
  /** The commit that was compared with; `undefined` for a time before the first one, since when everything is news. */
  readonly since: string | undefined;
  /** Those members of the listing's `images` that are new, or mean something else than they did. */
  readonly images: ReadonlySet<CatalogImage>;
}

export interface Catalog {
  /** What the catalog is, for messages: `official-images at https://…`. */
  readonly description: string;
  /** Throws UsageError when nothing of it can be read. */
  list(call?: Call): Promise<CatalogListing>;
  /**
   * Only catalogs with a history have it. `since` is a branch, a tag, a commit or whatever else git takes, where HEAD is
   * what was listed; or a time: `2026-08-21`, `2026-08-21T10:00Z` (UTC where it names no offset), or `7d` for that long
   * ago. Then the last commit up to that time counts, along the listed branch. A branch or tag of that name goes first.
   * Throws UsageError when there is no such state, or it cannot be read.
   */
  changesSince?(listing: CatalogListing, since: string, call?: Call): Promise<CatalogChanges>;
}
