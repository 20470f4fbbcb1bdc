import { CopyError } from '../copy/copy-error.ts';
import type { DeferredTag } from '../journal/job-history.ts';
import { type RepositoryName, type Tag, formatReference } from '../oci/reference.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Counts, Failure } from './report.ts';

type Outcome = Exclude<keyof Counts, 'wanted'>;

/** Tags of one repository that share an outcome, and make one image. */
interface Settled {
  readonly repository: RepositoryName;
  readonly tags: readonly Tag[];
  /** How many further tags of the image were right before. */
  readonly alsoUpToDate?: number;
}

/** Counts outcomes of images and of their tags; the parts always add up to what was wanted. */
export class Tally {
  readonly tags = noCounts();
  readonly images = noCounts();
  readonly failures: Failure[] = [];
  readonly notices: string[] = [];
  readonly deferred: DeferredTag[] = [];
  readonly #upstream: string;

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  settle(outcome: Outcome, { repository, tags, alsoUpToDate = 0 }: Settled): void {
    this.images.wanted += 1;
    this.images[outcome] += 1;
    this.tags.wanted += tags.length + alsoUpToDate;
    this.tags[outcome] += tags.length;
    this.tags.upToDate += alsoUpToDate;
    if (outcome === 'deferred') this.deferred.push(...tags.map((tag) => ({ repository, tag })));
  }

  /** What could not be copied, or not even be resolved, is deferred for want of pulls, and else has failed. */
  settleError(error: unknown, settled: Settled): 'deferred' | 'failed' {
    const outcome = codeOf(error) === 'PULL_LIMIT' ? 'deferred' : 'failed';
    this.settle(outcome, settled);
    const { repository, tags } = settled;
    if (outcome === 'failed') for (const tag of tags) this.fail(this.reference(repository, tag), error);
    return outcome;
  }

  fail(reference: string, error: unknown, origin: Failure['origin'] = 'source'): void {
    const message = error instanceof Error ? error.message : String(error);
    const side = error instanceof CopyError ? error.origin : origin;
    this.failures.push({ reference, origin: side, code: codeOf(error) ?? 'UNKNOWN', message });
  }

  reference(repository: RepositoryName, tag: Tag | undefined): string {
    return formatReference({ domain: this.#upstream, repository, ...(tag !== undefined && { tag }) });
  }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof CopyError || error instanceof RemoteError) return error.code;
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function noCounts(): Counts {
  return { wanted: 0, copied: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0 };
}
