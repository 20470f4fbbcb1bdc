// What a job remembers from run to run. All of it can be lost: then the target is looked at in full.
import { CopiedTags } from '../journal/copied-tags.ts';
import { JobHistory } from '../journal/job-history.ts';
import type { Journal } from '../journal/journal.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import type { SyncTarget } from './job.ts';

export class JobState {
  readonly history: JobHistory;
  readonly #journal: Journal;
  readonly #name: string;
  readonly #platforms: string;

  /** With another choice of platforms the same tags mean something else at the target. */
  constructor(journal: Journal, name: string, targets: readonly SyncTarget[], platforms: readonly Platform[]) {
    this.#journal = journal;
    this.#name = name;
    this.#platforms = platforms.map(formatPlatform).join();
    this.history = new JobHistory(journal, [name, ...targets.map(({ url }) => url), this.#platforms].join(' '));
  }

  copiedTo({ url }: SyncTarget): CopiedTags {
    return new CopiedTags(this.#journal, [this.#name, url, this.#platforms].join(' '));
  }
}
