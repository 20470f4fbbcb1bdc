import type { PullOutcome, PulledKind } from '../observe/pull-metrics.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';

export type { PullOutcome } from '../observe/pull-metrics.ts';

/** What was pulled, as far as it is counted. One object a repository, so that to tell it costs nothing. */
export interface Pulled {
  /** The upstream's name. */
  readonly upstream: string;
  readonly kind: PulledKind;
}

/** Told what happens as clients pull. Called for each request, so it returns at once. */
export interface PullEvents {
  /** `reason`: of what is `stale`, why its upstream did not say what is true now: a sentence that begins with it. */
  count(outcome: PullOutcome, pulled: Pulled, reason?: string): void;
  /** Somebody pulled the manifest: it is not idle. */
  used(repository: RepositoryName, digest: Digest): void;
  /** What was fetched is served, but could not be stored. */
  notKept(repository: RepositoryName, error: unknown): void;
}
