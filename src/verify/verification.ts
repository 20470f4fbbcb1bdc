// What is to be compared with what.
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Resolution, Source } from '../oci/repository.ts';
import type { KnownRepository, TagHistory, WantedTags } from './authority-answers.ts';
import type { Depth } from './compare-images.ts';
import type { Finding, FindingKind } from './findings.ts';

/** A tag, with what the authority says of it and of its repository. */
export interface TagAtMirror extends WantedTags {
  readonly tag: Tag;
  readonly resolution: Resolution;
  readonly known: KnownRepository;
}

/** A mirror under comparison. */
export interface VerifiedMirror {
  /** As the person wrote it. */
  readonly name: string;
  /** The upstream's repository there; `undefined` where it is not to be asked for it. */
  repository(upstream: string, name: RepositoryName): Source | undefined;
  /** Whether the tag is to be compared there; without it all are. */
  readonly isWanted?: ((tag: TagAtMirror) => boolean) | undefined;
}

export interface Verification {
  readonly mirrors: readonly VerifiedMirror[];
  readonly wanted: readonly WantedTags[];
  readonly depth: Depth;
  /** Below the tags; empty: all. */
  readonly platforms: readonly Platform[];
  readonly history?: TagHistory | undefined;
  readonly record?: ComparisonRecord | undefined;
}

/** Keeps what was compared, so that a verification that was broken off goes on. A port. */
export interface ComparisonRecord {
  /** What was found there, when the authority said the same as now and the comparison went as deep. */
  find(comparison: Comparison): RecordedOutcome | undefined;
  add(comparison: Comparison, outcome: RecordedOutcome): void;
}

/** A tag at a mirror, compared with a digest. */
export interface Comparison {
  readonly mirror: string;
  readonly reference: string;
  readonly expected: string;
  readonly depth: Depth;
}

export interface RecordedOutcome extends Pick<Finding, 'expected' | 'found' | 'detail'> {
  readonly finding: FindingKind;
}
