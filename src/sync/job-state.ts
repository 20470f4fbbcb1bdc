// What a job remembers from run to run. All of it can be lost: then the target is looked at in full.
import { CopiedTags } from '../journal/copied-tags.ts';
import { JobHistory } from '../journal/job-history.ts';
import type { Journal } from '../journal/journal.ts';
import { ResolvedTags } from '../journal/resolved-tags.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import type { SyncTarget } from './job.ts';

export interface JobStateOptions {
  /**
   * The upstream and its address, where what is remembered comes from a place that others can write to. It then has
   * rows of its own in the journal, so that no other job believes it.
   */
  readonly carriedFrom?: string | undefined;
}

export class JobState {
  readonly history: JobHistory;
  /** What tags mean upstream, where others may have written it: good enough to leave a tag alone, not to move one. */
  readonly hearsay: ResolvedTags | undefined;
  /** Tells this state from that of the same job with other targets or platforms. */
  readonly scope: string;
  readonly #journal: Journal;
  readonly #name: string;
  readonly #platforms: string;

  /** With another choice of platforms the same tags mean something else at the target. */
  constructor(
    journal: Journal,
    name: string,
    targets: readonly SyncTarget[],
    platforms: readonly Platform[],
    { carriedFrom }: JobStateOptions = {},
  ) {
    this.#journal = journal;
    this.#name = carriedFrom === undefined ? name : `carried ${name} of ${carriedFrom}`;
    this.#platforms = platforms.map(formatPlatform).join();
    this.scope = [this.#name, ...targets.map(({ url }) => url), this.#platforms].join(' ');
    this.history = new JobHistory(journal, this.scope);
    this.hearsay = carriedFrom === undefined ? undefined : new ResolvedTags(journal, this.scope);
  }

  copiedTo({ url }: SyncTarget): CopiedTags {
    return new CopiedTags(this.#journal, [this.#name, url, this.#platforms].join(' '));
  }
}
