// Reads the web API's list of tags, newest first, for as long as a page tells more than the HEADs that it saves: down
// to the moment before which nothing has changed since the list was last read, or until all that is wanted is seen.
import type { Tag } from '../oci/reference.ts';
import type { HubTag, HubTagPage } from './hub-api.ts';
import type { RememberedTags } from './tag-memory.ts';

export interface Sweep {
  /** What the list says of tags that are wanted or remembered. */
  readonly listed: ReadonlyMap<Tag, HubTag>;
  /** Wanted and remembered tags that the list was not asked about, as they have not changed. */
  readonly unchanged: ReadonlySet<Tag>;
  /** The update of the newest tag, where all changes since the last time were seen; else `undefined`. */
  readonly newestMs: number | undefined;
}

const TAGS_A_PAGE = 100;

export async function sweepTags(
  pages: AsyncIterable<HubTagPage>,
  wanted: readonly Tag[],
  remembered: RememberedTags,
): Promise<Sweep> {
  const missing = new Set(wanted);
  const listed = new Map<Tag, HubTag>();
  const unchanged = new Set<Tag>();
  const order = new NewestFirst();
  let pagesRead = 0;
  // Where nothing is remembered, nothing that was not read can have changed.
  let isAllSeen = remembered.tags.size === 0;
  for await (const { tags, total } of pages) {
    pagesRead += 1;
    const news = tags.filter((tag) => missing.delete(tag.name));
    for (const tag of [...news, ...tags.filter(({ name }) => remembered.tags.has(name))]) listed.set(tag.name, tag);
    order.add(tags);
    if (!isAllSeen && order.isPast(remembered.unchangedBeforeMs)) {
      isAllSeen = true;
      for (const tag of missing) if (remembered.tags.has(tag)) unchanged.add(tag);
      for (const tag of unchanged) missing.delete(tag);
    }
    const pagesLeft = Math.ceil(total / TAGS_A_PAGE) - pagesRead;
    // A list that is longer than it said, and brings no news, might go on for ever.
    const isWorthwhile = news.length > 0 || (pagesLeft > 0 && pagesLeft < missing.size);
    if (missing.size === 0 || !isWorthwhile) break;
  }
  return { listed, unchanged, newestMs: isAllSeen ? order.newestMs : undefined };
}

/** Follows whether a list really is in the order that was asked for: one that is not proves nothing of its rest. */
class NewestFirst {
  #newestMs: number | undefined;
  #oldestMs = Infinity;
  #isOrdered = true;

  get newestMs(): number | undefined {
    return this.#isOrdered ? this.#newestMs : undefined;
  }

  add(tags: readonly HubTag[]): void {
    for (const { updatedAt = '' } of tags) {
      const atMs = Date.parse(updatedAt);
      if (!(atMs <= this.#oldestMs)) this.#isOrdered = false;
      this.#oldestMs = Math.min(this.#oldestMs, atMs);
      this.#newestMs ??= atMs;
    }
  }

  isPast(ms: number): boolean {
    return this.#isOrdered && this.#oldestMs < ms;
  }
}
