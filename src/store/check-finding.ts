import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';

/**
 * What can be wrong with a store:
 *
 *     database          its database finds its own file damaged, so nothing else is asked of it
 *     corrupt-manifest  a manifest's bytes are lost, or do not hash to its digest; it is not served
 *     corrupt           a blob's bytes do not hash to its digest, or cannot be read
 *     missing           a repository may serve a blob that is not there
 *     size              a blob is sound, and another size is recorded for it
 *     incomplete        a manifest was put whole, and its repository lacks what it names
 *     dangling-tag      a tag means no manifest of its repository
 */
type FindingKind = 'database' | 'corrupt-manifest' | 'corrupt' | 'missing' | 'size' | 'incomplete' | 'dangling-tag';

export interface Finding {
  readonly kind: FindingKind;
  /** Of the blob or manifest; of neither a tag nor the database. */
  readonly digest?: Digest;
  /** Where it does harm; the first hundred. */
  readonly repositories: readonly RepositoryName[];
  /** A sentence that ends with what was done, or is to be done. */
  readonly message: string;
  readonly repaired: boolean;
}

/** What happens in a check, for whoever shows it. */
export type CheckEvent =
  /** So much is going to be hashed. */
  | { readonly type: 'planned'; readonly blobs: number; readonly sizeBytes: number }
  | { readonly type: 'bytes'; readonly count: number }
  | { readonly type: 'hashed'; readonly digest: Digest }
  /** A blob that a repository may serve lay in the trash, as of a collection under way or killed. */
  | { readonly type: 'restored'; readonly digest: Digest }
  | { readonly type: 'found'; readonly finding: Finding };

/** `library/nginx`, or `library/nginx and 3 more`. */
export function nameRepositories([first, ...others]: readonly RepositoryName[]): string {
  if (first === undefined) return 'no repository';
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
