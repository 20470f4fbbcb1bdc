import type { Tag } from '../../oci/reference.ts';
import { buildKeyOf, type LibraryEntry } from './library-entry.ts';
import { type LibraryFileError, quote } from './library-file-error.ts';

/** Makes the error that points at a field of the block at hand. */
type ErrorAt = (field: string, message: string) => LibraryFileError;

interface OpenEntry {
  readonly entry: LibraryEntry;
  readonly tags: Tag[];
  readonly sharedTags: Set<Tag>;
}

/** A small file can make many blocks inherit much: what that comes to is bounded, far above every real file. */
const MAX_EXPANDED_LENGTH = 4 * 1024 * 1024;

/** The entries of one file so far: no tag stands for two things, and blocks that build the same are one entry. */
export class MergedEntries {
  readonly #byBuild = new Map<string, OpenEntry>();
  /** The lines of the blocks that the tags come from. */
  readonly #tagLines = new Map<Tag, number>();
  readonly #sharedTagLines = new Map<Tag, number>();
  #expandedLength = 0;

  /** Throws what `errorAt` makes. */
  add(entry: LibraryEntry, errorAt: ErrorAt): void {
    this.#claimTags(entry, errorAt);
    const key = buildKeyOf(entry);
    this.#expandedLength += key.length + entry.sharedTags.join().length;
    if (this.#expandedLength > MAX_EXPANDED_LENGTH) {
      throw errorAt('Tags', 'Tags begins a block with which the file grows too large; shorten what its blocks inherit');
    }
    const open = this.#byBuild.get(key) ?? { entry, tags: [], sharedTags: new Set() };
    this.#byBuild.set(key, open);
    for (const tag of entry.tags) open.tags.push(tag);
    for (const tag of entry.sharedTags) open.sharedTags.add(tag);
  }

  entries(): LibraryEntry[] {
    return [...this.#byBuild.values()].map(({ entry, tags, sharedTags }) => {
      return { ...entry, tags, sharedTags: [...sharedTags] };
    });
  }

  #claimTags({ line, tags, sharedTags }: LibraryEntry, errorAt: ErrorAt): void {
    for (const tag of tags) {
      const other = this.#tagLines.get(tag);
      if (other !== undefined) {
        throw errorAt('Tags', `Tags has ${quote(tag)}, which the block at line ${other} already has`);
      }
      const shared = this.#sharedTagLines.get(tag);
      if (shared !== undefined) {
        throw errorAt('Tags', `Tags has ${quote(tag)}, which is a SharedTag of the block at line ${shared}`);
      }
      this.#tagLines.set(tag, line);
    }
    for (const tag of sharedTags) {
      const other = this.#tagLines.get(tag);
      if (other !== undefined) {
        throw errorAt('SharedTags', `SharedTags has ${quote(tag)}, which is in the Tags of the block at line ${other}`);
      }
    }
    for (const tag of sharedTags) this.#sharedTagLines.set(tag, this.#sharedTagLines.get(tag) ?? line);
  }
}
