import { type Digest, isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isTag } from '../oci/reference.ts';
import type { Journal } from './journal.ts';

/** What a tag at a target meant when it was last written or looked at. */
export interface CopiedTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly sourceDigest: Digest;
  /** Another one where only some platforms were copied. */
  readonly targetDigest: Digest;
  readonly checkedAt: Date;
}

interface Row {
  readonly tag: string;
  readonly sourceDigest: string;
  readonly targetDigest: string;
  readonly checkedAtMs: number;
}

/** The tags of one target. */
export class CopiedTags {
  readonly #journal: Journal;
  readonly #target: string;
  readonly #statements;

  constructor(journal: Journal, target: string) {
    this.#journal = journal;
    this.#target = target;
    this.#statements = {
      select: journal.prepare(
        `SELECT tag, source_digest AS sourceDigest, target_digest AS targetDigest, checked_at AS checkedAtMs
         FROM copied_tags WHERE target = ? AND repository = ?`,
      ),
      upsert: journal.prepare(
        `INSERT OR REPLACE INTO copied_tags (target, repository, tag, source_digest, target_digest, checked_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      delete: journal.prepare('DELETE FROM copied_tags WHERE target = ? AND repository = ? AND tag = ?'),
      deleteAll: journal.prepare('DELETE FROM copied_tags WHERE target = ? AND repository = ?'),
    };
  }

  /** All that is known of a repository. */
  in(repository: RepositoryName): ReadonlyMap<Tag, CopiedTag> {
    const rows = this.#journal.read(() => this.#statements.select.all(this.#target, repository));
    const tags = new Map<Tag, CopiedTag>();
    for (const { tag, sourceDigest, targetDigest, checkedAtMs } of rows as unknown as readonly Row[]) {
      // A disk may flip bits that no check of the file finds; then nothing is known.
      if (!isTag(tag) || !isDigest(sourceDigest) || !isDigest(targetDigest)) continue;
      tags.set(tag, { repository, tag, sourceDigest, targetDigest, checkedAt: new Date(checkedAtMs) });
    }
    return tags;
  }

  /** Adds or replaces, a few rows a transaction. */
  async put(tags: readonly CopiedTag[]): Promise<void> {
    await this.#journal.writeEach(tags, ({ repository, tag, sourceDigest, targetDigest, checkedAt }) => {
      this.#statements.upsert.run(this.#target, repository, tag, sourceDigest, targetDigest, checkedAt.getTime());
    });
  }

  async delete(repository: RepositoryName, tags: readonly Tag[]): Promise<void> {
    await this.#journal.writeEach(tags, (tag) => this.#statements.delete.run(this.#target, repository, tag));
  }

  deleteRepository(repository: RepositoryName): void {
    this.#journal.write(() => this.#statements.deleteAll.run(this.#target, repository));
  }
}
