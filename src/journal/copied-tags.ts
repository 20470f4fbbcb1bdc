import { type Digest, isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isRepositoryName, isTag } from '../oci/reference.ts';
import type { Journal } from './journal.ts';

/** What a tag at a target meant when it was last written or looked at. */
export interface CopiedTag {
  /** As the target names it. */
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly sourceDigest: Digest;
  /** Another one where only some platforms were copied. */
  readonly targetDigest: Digest;
  readonly checkedAt: Date;
  /** Since when nobody wants it any more. */
  readonly unwantedSince?: Date | undefined;
}

interface Row {
  readonly tag: string;
  readonly sourceDigest: string;
  readonly targetDigest: string;
  readonly checkedAtMs: number;
  readonly unwantedSinceMs: number | null;
}

/** What one job put where at one target. */
export class CopiedTags {
  readonly #journal: Journal;
  readonly #target: string;
  readonly #statements;

  constructor(journal: Journal, target: string) {
    this.#journal = journal;
    this.#target = target;
    this.#statements = {
      select: journal.prepare(
        `SELECT tag, source_digest AS sourceDigest, target_digest AS targetDigest, checked_at AS checkedAtMs,
                unwanted_since AS unwantedSinceMs
         FROM copied_tags WHERE target = ? AND repository = ?`,
      ),
      repositories: journal.prepare('SELECT DISTINCT repository FROM copied_tags WHERE target = ?'),
      upsert: journal.prepare(
        `INSERT OR REPLACE INTO copied_tags
         (target, repository, tag, source_digest, target_digest, checked_at, unwanted_since)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
      delete: journal.prepare('DELETE FROM copied_tags WHERE target = ? AND repository = ? AND tag = ?'),
      clear: journal.prepare('DELETE FROM copied_tags WHERE target = ?'),
    };
  }

  /** All that is known of a repository. */
  in(repository: RepositoryName): ReadonlyMap<Tag, CopiedTag> {
    const rows = this.#journal.read(() => this.#statements.select.all(this.#target, repository));
    const tags = new Map<Tag, CopiedTag>();
    for (const row of rows as unknown as readonly Row[]) {
      const { tag, sourceDigest, targetDigest, checkedAtMs, unwantedSinceMs } = row;
      // A disk may flip bits that no check of the file finds; then nothing is known.
      if (!isTag(tag) || !isDigest(sourceDigest) || !isDigest(targetDigest)) continue;
      const checkedAt = new Date(checkedAtMs);
      const unwantedSince = unwantedSinceMs === null ? undefined : new Date(unwantedSinceMs);
      tags.set(tag, { repository, tag, sourceDigest, targetDigest, checkedAt, unwantedSince });
    }
    return tags;
  }

  repositories(): RepositoryName[] {
    const rows = this.#journal.read(() => this.#statements.repositories.all(this.#target));
    return rows.map(({ repository }) => String(repository)).filter(isRepositoryName);
  }

  /** Adds or replaces, a few rows a transaction. */
  async put(tags: readonly CopiedTag[]): Promise<void> {
    await this.#journal.writeEach(tags, (one) => {
      const { repository, tag, sourceDigest, targetDigest, checkedAt, unwantedSince } = one;
      const times = [checkedAt.getTime(), unwantedSince?.getTime() ?? null];
      this.#statements.upsert.run(this.#target, repository, tag, sourceDigest, targetDigest, ...times);
    });
  }

  async delete(repository: RepositoryName, tags: readonly Tag[]): Promise<void> {
    await this.#journal.writeEach(tags, (tag) => this.#statements.delete.run(this.#target, repository, tag));
  }

  clear(): void {
    this.#journal.write(() => this.#statements.clear.run(this.#target));
  }
}
