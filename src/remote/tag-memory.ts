import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

/** What the authority said a tag means. */
export interface RememberedTag {
  readonly digest: Digest;
  /** When the tag was last moved, as the web API writes it: to be compared, not to be read. */
  readonly updatedAt?: string | undefined;
}

/** What is remembered of a repository. Empty when nothing is, or when it is too old to be believed. */
export interface RememberedTags {
  readonly tags: ReadonlyMap<Tag, RememberedTag>;
  /**
   * Those of `tags` that were updated before this moment, in milliseconds since the epoch and by the web API's clock,
   * still mean the same. `-Infinity` where `tags` is empty.
   */
  readonly unchangedBeforeMs: number;
  /** Tells this state from later ones. */
  readonly version: number;
}

/** What a look at a repository taught. */
export interface LearntTags {
  /** What tags mean that were not remembered, or meant something else; `undefined` for what is known no longer. */
  readonly tags: ReadonlyMap<Tag, RememberedTag | undefined>;
  readonly unchangedBeforeMs: number;
}

/** Remembers from run to run what tags mean, so that only what changed is asked for. A port. */
export interface TagMemory {
  recall(repository: RepositoryName): RememberedTags;
  /**
   * Adds what was learnt to what was recalled before; nothing, where others have learnt something meanwhile. With
   * nothing recalled it replaces all that is kept.
   */
  remember(repository: RepositoryName, recalled: RememberedTags, learnt: LearntTags): Promise<void>;
}
