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
}

/** A part of the catalog that could not be read; the rest is listed all the same. */
export interface CatalogProblem {
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

export interface Catalog {
  /** What the catalog is, for messages: `official-images at https://…`. */
  readonly description: string;
  /** Throws UsageError when nothing of it can be read. */
  list(call?: Call): Promise<CatalogListing>;
}
