// What can be found of a reference at a mirror: the one table of findings, their sentences, and their exit codes.
import { OciError, isNotFound } from '../oci/errors.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/remote-error.ts';

/** In the order of reports. `exitCode`: what it makes of a run, where 1 wins over 3. */
export const FINDINGS = {
  same: { exitCode: 0, heading: 'SAME', sentence: 'the mirror has what the authority says' },
  stale: { exitCode: 1, heading: 'STALE', sentence: 'the mirror has an older image of the authority' },
  missing: { exitCode: 1, heading: 'MISSING', sentence: 'the authority has it, and the mirror does not' },
  different: { exitCode: 1, heading: 'DIFFERENT', sentence: 'the mirror has another image' },
  lying: {
    exitCode: 1,
    heading: 'LYING',
    sentence: 'what the mirror sends does not hash to the digest it is sent for',
  },
  mediaType: { exitCode: 1, heading: 'MEDIA TYPE', sentence: 'the mirror gives the same bytes another media type' },
  unreachable: { exitCode: 1, heading: 'UNREACHABLE', sentence: 'the mirror does not answer as a registry does' },
  limited: { exitCode: 3, heading: 'LIMITED', sentence: 'the mirror limits us, so it was not compared' },
} as const satisfies Record<string, { exitCode: 0 | 1 | 3; heading: string; sentence: string }>;

export type FindingKind = keyof typeof FINDINGS;
export const FINDING_KINDS = Object.keys(FINDINGS) as readonly FindingKind[];

/** What was found of one reference, or of a part of it. */
export interface Outcome {
  readonly finding: FindingKind;
  /** A digest or a media type; `undefined` where the mirror named none. */
  readonly found?: string | undefined;
  /** As `found`, where it is not the digest that the authority named. */
  readonly expected?: string | undefined;
  /** A sentence without its full stop; `undefined` where the finding says all. */
  readonly detail?: string | undefined;
}

export const SAME: Outcome = { finding: 'same' };

/** What was wrong at a mirror, as reports list it. */
export interface Finding {
  /** `docker.io/library/nginx:1.27`. */
  readonly reference: string;
  readonly finding: Exclude<FindingKind, 'same'>;
  readonly expected: string | null;
  readonly found: string | null;
  readonly detail: string;
}

/** A mirror gave no answer in the time that it had. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

const LIES: ReadonlySet<string> = new Set<RemoteErrorCode>(['DIGEST_INVALID', 'SIZE_INVALID']);
const LIMITS: ReadonlySet<string> = new Set<RemoteErrorCode>(['PULL_LIMIT', 'RATE_LIMIT']);

/** What a failure says of the mirror that it came from. Throws what says nothing of it. */
export function findingOf(error: unknown): Outcome {
  if (isNotFound(error)) return { finding: 'missing' };
  if (error instanceof NoAnswer) return { finding: 'unreachable', detail: error.message };
  // Our own store speaks of itself in the words of the protocol.
  if (!(error instanceof RemoteError) && !(error instanceof OciError)) throw error;
  if (LIES.has(error.code)) return { finding: 'lying', detail: error.message };
  if (LIMITS.has(error.code)) return { finding: 'limited', detail: error.message };
  return { finding: 'unreachable', detail: error.message };
}

/** Whether the next question would most likely fail alike: one repository may be denied, and the others open. */
export function isLasting(error: unknown): boolean {
  if (error instanceof NoAnswer) return true;
  if (!(error instanceof RemoteError) || error.code === 'DENIED') return false;
  const { finding } = findingOf(error);
  return finding === 'unreachable' || finding === 'limited';
}

/** The worst of several, by what it says of the mirror. */
export function worstOf(outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.toSorted((one, other) => severity(one) - severity(other))[0];
}

const BY_SEVERITY: readonly FindingKind[] = [
  'lying',
  'different',
  'stale',
  'missing',
  'mediaType',
  'unreachable',
  'limited',
  'same',
];

function severity({ finding }: Outcome): number {
  return BY_SEVERITY.indexOf(finding);
}

/** 0 when all is the same; 3 when what is not was only put off; else 1. */
export function exitCodeOf(kinds: Iterable<FindingKind>): 0 | 1 | 3 {
  const codes = new Set([...kinds].map((kind) => FINDINGS[kind].exitCode));
  if (codes.has(1)) return 1;
  return codes.has(3) ? 3 : 0;
}
