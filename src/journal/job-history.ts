import { type RepositoryName, type Tag, isRepositoryName, isTag } from '../oci/reference.ts';
import type { Journal } from './journal.ts';

export interface DeferredTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

/** How the last run of one job ended. */
export class JobHistory {
  readonly #journal: Journal;
  readonly #job: string;
  readonly #statements;

  constructor(journal: Journal, job: string) {
    this.#journal = journal;
    this.#job = job;
    this.#statements = {
      revision: journal.prepare('SELECT revision FROM synced_jobs WHERE job = ?'),
      putRevision: journal.prepare('INSERT OR REPLACE INTO synced_jobs (job, revision, synced_at) VALUES (?, ?, ?)'),
      deferred: journal.prepare('SELECT repository, tag FROM deferred_tags WHERE job = ?'),
      forgetRevision: journal.prepare('DELETE FROM synced_jobs WHERE job = ?'),
      forgetDeferred: journal.prepare('DELETE FROM deferred_tags WHERE job = ?'),
      putDeferred: journal.prepare('INSERT OR IGNORE INTO deferred_tags (job, repository, tag) VALUES (?, ?, ?)'),
    };
  }

  /** The commit of the catalog when a run last left nothing undone. */
  get syncedRevision(): string | undefined {
    const row = this.#journal.read(() => this.#statements.revision.get(this.#job));
    return row === undefined ? undefined : String(row['revision']);
  }

  /** What the last run left undone for want of pulls, as `REPOSITORY:TAG`. */
  get deferred(): ReadonlySet<string> {
    return new Set(this.deferredTags().map(({ repository, tag }) => `${repository}:${tag}`));
  }

  deferredTags(): DeferredTag[] {
    const rows = this.#journal.read(() => this.#statements.deferred.all(this.#job));
    return rows.flatMap(({ repository, tag }) => {
      const [name, of] = [String(repository), String(tag)];
      return isRepositoryName(name) && isTag(of) ? [{ repository: name, tag: of }] : [];
    });
  }

  /** As before the first run. */
  clear(): void {
    this.#journal.write(() => {
      this.#statements.forgetDeferred.run(this.#job);
      this.#statements.forgetRevision.run(this.#job);
    });
  }

  /** `revision`: only of a run that left nothing undone. */
  ended({ revision, deferred }: { revision: string | undefined; deferred: readonly DeferredTag[] }): void {
    this.#journal.write(() => {
      this.#statements.forgetDeferred.run(this.#job);
      for (const { repository, tag } of deferred) this.#statements.putDeferred.run(this.#job, repository, tag);
      if (revision !== undefined) this.#statements.putRevision.run(this.#job, revision, this.#journal.now());
    });
  }
}
