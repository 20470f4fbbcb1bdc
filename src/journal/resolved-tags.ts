import { isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isRepositoryName, isTag } from '../oci/reference.ts';
import type { LearntTags, RememberedTag, RememberedTags, TagMemory } from '../remote/tag-memory.ts';
import type { Journal } from './journal.ts';

/** Past this all is asked for again: what left the web API's list without a trace is found then. */
const BELIEVED_MS = 7 * 86_400_000;
/** Repositories that were all read at once are not all read again at once. */
const SPREAD_MS = 2 * 86_400_000;

/** All that is known of a repository, to be carried to another journal. */
export interface KnownTags {
  readonly repository: RepositoryName;
  readonly tags: ReadonlyMap<Tag, RememberedTag>;
  readonly unchangedBeforeMs: number;
  /** When all of it was last asked for. */
  readonly readAtMs: number;
}

/** What the authority said that tags of one upstream mean. */
export class ResolvedTags implements TagMemory {
  readonly #journal: Journal;
  readonly #upstream: string;
  readonly #statements;

  constructor(journal: Journal, upstream: string) {
    this.#journal = journal;
    this.#upstream = upstream;
    this.#statements = {
      list: journal.prepare(
        `SELECT unchanged_before AS unchangedBeforeMs, read_at AS readAtMs, version
         FROM tag_lists WHERE upstream = ? AND repository = ?`,
      ),
      putList: journal.prepare(
        `INSERT OR REPLACE INTO tag_lists (upstream, repository, unchanged_before, read_at, version)
         VALUES (?, ?, ?, ?, ?)`,
      ),
      select: journal.prepare(
        'SELECT tag, digest, updated_at AS updatedAt FROM resolved_tags WHERE upstream = ? AND repository = ?',
      ),
      upsert: journal.prepare(
        `INSERT OR REPLACE INTO resolved_tags (upstream, repository, tag, digest, updated_at, as_of)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      delete: journal.prepare('DELETE FROM resolved_tags WHERE upstream = ? AND repository = ? AND tag = ?'),
      repositories: journal.prepare('SELECT repository FROM tag_lists WHERE upstream = ? ORDER BY repository'),
      clearTags: journal.prepare('DELETE FROM resolved_tags WHERE upstream = ?'),
      clearLists: journal.prepare('DELETE FROM tag_lists WHERE upstream = ?'),
      deleteAll: journal.prepare('DELETE FROM resolved_tags WHERE upstream = ? AND repository = ?'),
    };
  }

  recall(repository: RepositoryName): RememberedTags {
    return this.#journal.read(() => {
      const list = this.#listOf(repository);
      const tags = this.#isRecent(repository, list) ? this.#tagsOf(repository) : new Map<Tag, RememberedTag>();
      const unchangedBeforeMs = tags.size === 0 ? -Infinity : list.unchangedBeforeMs;
      return { tags, unchangedBeforeMs, version: list.version };
    });
  }

  // One transaction, however many rows: half a state would be taken for the whole.
  async remember(repository: RepositoryName, recalled: RememberedTags, learnt: LearntTags): Promise<void> {
    const { tags, unchangedBeforeMs } = learnt;
    if (tags.size === 0 && unchangedBeforeMs === recalled.unchangedBeforeMs) return;
    this.#journal.write(() => {
      const list = this.#listOf(repository);
      if (list.version !== recalled.version) return;
      const isAnew = recalled.tags.size === 0;
      if (isAnew) this.#statements.deleteAll.run(this.#upstream, repository);
      for (const [tag, one] of tags) this.#put(repository, tag, one);
      const readAtMs = isAnew ? this.#journal.now() : list.readAtMs;
      this.#statements.putList.run(this.#upstream, repository, unchangedBeforeMs, readAtMs, list.version + 1);
    });
  }

  /** One repository after the other: what is young enough to be believed. */
  *known(): Generator<KnownTags> {
    const rows = this.#journal.read(() => this.#statements.repositories.all(this.#upstream));
    for (const repository of rows.map((row) => String(row['repository'])).filter(isRepositoryName)) {
      const { tags, unchangedBeforeMs } = this.recall(repository);
      const { readAtMs } = this.#journal.read(() => this.#listOf(repository));
      if (tags.size > 0) yield { repository, tags, unchangedBeforeMs, readAtMs };
    }
  }

  /** Replaces what is kept of a repository, whatever its age. */
  learn({ repository, tags, unchangedBeforeMs, readAtMs }: KnownTags): void {
    this.#journal.write(() => {
      const { version } = this.#listOf(repository);
      this.#statements.deleteAll.run(this.#upstream, repository);
      for (const [tag, one] of tags) this.#put(repository, tag, one);
      this.#statements.putList.run(this.#upstream, repository, unchangedBeforeMs, readAtMs, version + 1);
    });
  }

  clear(): void {
    this.#journal.write(() => {
      this.#statements.clearTags.run(this.#upstream);
      this.#statements.clearLists.run(this.#upstream);
    });
  }

  #listOf(repository: RepositoryName): TagList {
    const row = this.#statements.list.get(this.#upstream, repository) as unknown as TagList | undefined;
    return row ?? { unchangedBeforeMs: -Infinity, readAtMs: 0, version: 0 };
  }

  #put(repository: RepositoryName, tag: Tag, one: RememberedTag | undefined): void {
    if (one === undefined) this.#statements.delete.run(this.#upstream, repository, tag);
    else {
      const { digest, updatedAt = null } = one;
      this.#statements.upsert.run(this.#upstream, repository, tag, digest, updatedAt, this.#journal.now());
    }
  }

  #tagsOf(repository: RepositoryName): Map<Tag, RememberedTag> {
    const tags = new Map<Tag, RememberedTag>();
    const rows = this.#statements.select.all(this.#upstream, repository) as unknown as readonly Row[];
    for (const { tag, digest, updatedAt } of rows) {
      // A disk may flip bits that no check of the file finds; then nothing is known.
      if (isTag(tag) && isDigest(digest)) tags.set(tag, { digest, ...(updatedAt !== null && { updatedAt }) });
    }
    return tags;
  }

  // A clock that was set back makes what is remembered no younger.
  #isRecent(repository: RepositoryName, { readAtMs }: TagList): boolean {
    const ageMs = Math.abs(this.#journal.now() - readAtMs);
    return ageMs < BELIEVED_MS + spreadOf(repository);
  }
}

interface TagList {
  readonly unchangedBeforeMs: number;
  readonly readAtMs: number;
  readonly version: number;
}

interface Row {
  readonly tag: string;
  readonly digest: string;
  readonly updatedAt: string | null;
}

function spreadOf(repository: RepositoryName): number {
  let hash = 0;
  for (const character of repository) hash = (hash * 31 + character.charCodeAt(0)) % 1_000;
  return (SPREAD_MS * hash) / 1_000;
}
