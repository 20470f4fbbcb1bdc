import type { Tag } from '../../oci/reference.ts';
import { buildKeyOf, type LibraryEntry } from './library-entry.ts';

/** What each tag of a library file stands for: the build keys of all entries that it joins, shared or not. */
export function tagMeanings(entries: readonly LibraryEntry[]): Map<Tag, Set<string>> {
  const meanings = new Map<Tag, Set<string>>();
  for (const entry of entries) {
    const key = buildKeyOf(entry);
    for (const tag of [...entry.tags, ...entry.sharedTags]) {
      const keys = meanings.get(tag) ?? new Set();
      meanings.set(tag, keys.add(key));
    }
  }
  return meanings;
}
