import type { Digest } from './digest.ts';
import type { Tag } from './reference.ts';

/** What a request would make of a tag. */
export interface TagChange {
  readonly tag: Tag;
  /** What it means now, if it is there. */
  readonly from: Digest | undefined;
  /** What it is to mean: also what it means already. `undefined` for a deletion. */
  readonly to: Digest | undefined;
}

/**
 * Throws to refuse a change, and all that was to be done along with it. It is asked within the transaction, before
 * anything is changed, so that nobody else changes the tag in between; and perhaps more than once.
 */
export type TagGuard = (change: TagChange) => void;

export interface GuardOptions {
  readonly guard?: TagGuard | undefined;
}
