import { type Digest, isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isTag } from '../oci/reference.ts';
import type { Journal } from './journal.ts';

/** What the authority said a tag means. */
export interface ResolvedTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest;
  /** When the tag was last moved, as the web API writes it: to be compared, not to be read. */
  readonly updatedAt?: string | undefined;
  readonly asOf: Date;
}

interface Row {
  readonly tag: string;
  readonly digest: string;
  readonly updatedAt: string | null;
  readonly asOfMs: number;
}

/** The tags of one upstream. */
export class ResolvedTags {
  readonly #journal: Journal;
  readonly #upstream: string;
  readonly #statements;

  constructor(journal: Journal, upstream: string) {
    this.#journal = journal;
    this.#upstream = upstream;
    this.#statements = {
      select: journal.prepare(
        `SELECT tag, digest, updated_at AS updatedAt, as_of AS asOfMs
         FROM resolved_tags WHERE upstream = ? AND repository = ?`,
      ),
      upsert: journal.prepare(
        `INSERT OR REPLACE INTO resolved_tags (upstream, repository, tag, digest, updated_at, as_of)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      delete: journal.prepare('DELETE FROM resolved_tags WHERE upstream = ? AND repository = ? AND tag = ?'),
      deleteAll: journal.prepare('DELETE FROM resolved_tags WHERE upstream = ? AND repository = ?'),
    };
  }

  /** All that is known of a repository. */
  in(repository: RepositoryName): ReadonlyMap<Tag, ResolvedTag> {
    const rows = this.#journal.read(() => this.#statements.select.all(this.#upstream, repository));
    const tags = new Map<Tag, ResolvedTag>();
    for (const { tag, digest, updatedAt, asOfMs } of rows as unknown as readonly Row[]) {
      // A disk may flip bits that no check of the file finds; then nothing is known.
      if (!isTag(tag) || !isDigest(digest)) continue;
      tags.set(tag, { repository, tag, digest, updatedAt: updatedAt ?? undefined, asOf: new Date(asOfMs) });
    }
    return tags;
  }

  /** Adds or replaces, a few rows a transaction. */
  async put(tags: readonly ResolvedTag[]): Promise<void> {
    await this.#journal.writeEach(tags, ({ repository, tag, digest, updatedAt = null, asOf }) => {
      this.#statements.upsert.run(this.#upstream, repository, tag, digest, updatedAt, asOf.getTime());
    });
  }

  async delete(repository: RepositoryName, tags: readonly Tag[]): Promise<void> {
    await this.#journal.writeEach(tags, (tag) => this.#statements.delete.run(this.#upstream, repository, tag));
  }

  deleteRepository(repository: RepositoryName): void {
    this.#journal.write(() => this.#statements.deleteAll.run(this.#upstream, repository));
  }
}
