// Findings as a document, and as rows and lines for people. Pure.
import { formatFamiliar, parseReference } from '../oci/reference.ts';
import { FINDINGS, FINDING_KINDS, type Finding, type FindingKind, exitCodeOf } from './findings.ts';
import type { Depth } from './compare-images.ts';

/** What `wharf verify --json` prints. */
export interface VerifyReport {
  readonly version: 1;
  readonly depth: Depth;
  /** What of the selection was compared, where that was a sample: the seed gives the same one again. */
  readonly sample?: { readonly tags: number; readonly seed: string } | undefined;
  readonly tags: AuthorityCounts;
  readonly mirrors: readonly MirrorReport[];
  /** Tags that the authority did not resolve. */
  readonly failures: readonly { readonly reference: string; readonly message: string }[];
  readonly seconds: number;
}

/** What the authority made of the wanted tags. The four counts beside `wanted` add up to it. */
export interface AuthorityCounts {
  readonly wanted: number;
  readonly resolved: number;
  /** The catalog names them, and the authority has none. */
  readonly pending: number;
  /** The authority's limit forbade to ask. */
  readonly deferred: number;
  readonly failed: number;
}

export interface MirrorReport {
  /** As the person wrote it. */
  readonly mirror: string;
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** Tags that the configuration, or the mirror's own list, leaves out there. */
  readonly skipped: number;
  readonly findings: readonly Finding[];
}

export function noCounts(): Record<FindingKind, number> {
  return Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as Record<FindingKind, number>;
}

/** Product documentation, "Exit codes": 1 wins over 3. */
export function exitCodeOfReport({ mirrors, tags }: VerifyReport): 0 | 1 | 3 {
  const kinds = mirrors.flatMap(({ counts }) => FINDING_KINDS.filter((kind) => counts[kind] > 0));
  if (tags.failed > 0) return 1;
  return exitCodeOf(tags.deferred > 0 ? [...kinds, 'limited'] : kinds);
}

/** One row a mirror, one column a finding. */
export function tableOf({ mirrors }: VerifyReport): { headings: readonly string[]; rows: readonly string[][] } {
  return {
    headings: ['MIRROR', ...FINDING_KINDS.map((kind) => FINDINGS[kind].heading)],
    rows: mirrors.map(({ mirror, counts }) => [mirror, ...FINDING_KINDS.map((kind) => count(counts[kind]))]),
  };
}

const SHOWN_OF_A_KIND = 10;

/** Every finding as a line, but of each kind at a mirror only the first ones. */
export function linesOf({ mirrors, failures }: VerifyReport): readonly string[] {
  const lines = mirrors.flatMap(({ mirror, findings }) =>
    [...Map.groupBy(findings, ({ finding }) => finding)].flatMap(([kind, all]) => [
      ...all.slice(0, SHOWN_OF_A_KIND).map((finding) => `${kind}: ${mirror}: ${lineOf(finding)}`),
      ...moreOf(all.length, `${kind}: ${mirror}: and`),
    ]),
  );
  const unresolved = failures
    .slice(0, SHOWN_OF_A_KIND)
    .map(({ reference, message }) => `failed: ${reference}: ${message}`);
  return [...lines, ...unresolved, ...moreOf(failures.length, 'failed: and')];
}

function moreOf(length: number, beginning: string): string[] {
  const more = length - SHOWN_OF_A_KIND;
  return more > 0 ? [`${beginning} ${count(more)} more; --json lists them all`] : [];
}

function lineOf({ reference, finding, expected, found, detail }: Finding): string {
  const name = formatFamiliar(parseReference(reference));
  if (found === null || expected === null) return `${name}: ${detail}`;
  const what = finding === 'mediaType' ? 'media type' : 'repo digest';
  return `${name}: ${what} ${found} there, ${expected} at the authority; ${detail}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
