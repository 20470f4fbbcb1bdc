import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import type { Finding, FindingKind } from './findings.ts';
import { type VerifyReport, exitCodeOfReport, linesOf, noCounts, tableOf } from './report.ts';

const THERE = digestOf('there');
const WANTED = digestOf('wanted');

function finding(changes: Partial<Finding> = {}): Finding {
  return {
    reference: 'docker.io/library/nginx:1.27',
    finding: 'stale',
    expected: WANTED,
    found: THERE,
    detail: 'it is old',
    ...changes,
  };
}

function reportOf(counts: Partial<Record<FindingKind, number>>, ...findings: readonly Finding[]): VerifyReport {
  return {
    version: 1,
    depth: 'tags',
    tags: { wanted: 9, resolved: 9, pending: 0, deferred: 0, failed: 0 },
    mirrors: [{ mirror: 'm.example.com', counts: { ...noCounts(), ...counts }, skipped: 0, findings }],
    failures: [],
    seconds: 1,
  };
}

test('a mirror is a row, and a finding a column', () => {
  expect(tableOf(reportOf({ same: 9840, stale: 3, limited: 1 }))).toEqual({
    headings: ['MIRROR', 'SAME', 'STALE', 'MISSING', 'DIFFERENT', 'LYING', 'MEDIA TYPE', 'UNREACHABLE', 'LIMITED'],
    rows: [['m.example.com', '9,840', '3', '0', '0', '0', '0', '0', '1']],
  });
});

test('a line says what is there and what should be, in the names of docker', () => {
  const mediaType = finding({ finding: 'mediaType', expected: 'a/b', found: 'c/d', detail: 'so it is' });
  const missing = finding({ finding: 'missing', found: null, reference: 'ghcr.io/o/app:2', detail: 'it is not there' });
  expect(linesOf(reportOf({}, finding(), mediaType, missing))).toEqual([
    `stale: m.example.com: nginx:1.27: repo digest ${THERE} there, ${WANTED} at the authority; it is old`,
    'mediaType: m.example.com: nginx:1.27: media type c/d there, a/b at the authority; so it is',
    'missing: m.example.com: ghcr.io/o/app:2: it is not there',
  ]);
});

test('of many findings of a kind the first are shown, and the rest is counted', () => {
  const many = Array.from({ length: 1234 }, () => finding());
  const lines = linesOf(reportOf({}, ...many, finding({ finding: 'lying' })));
  expect(lines).toHaveLength(12);
  expect(lines[10]).toBe('stale: m.example.com: and 1,224 more; --json lists them all');
  expect(lines[11]).toContain('lying: m.example.com: nginx:1.27');
});

test.each([
  [{ same: 9 }, {}, 0],
  [{ same: 9 }, { pending: 1 }, 0],
  [{ same: 8, limited: 1 }, {}, 3],
  [{ same: 9 }, { deferred: 1 }, 3],
  [{ same: 8, missing: 1 }, { deferred: 1 }, 1],
  [{ same: 9 }, { failed: 1, deferred: 1 }, 1],
] as const)('counts %j and %j of the authority exit with %i', (counts, tags, code) => {
  const report = reportOf(counts);
  expect(exitCodeOfReport({ ...report, tags: { ...report.tags, ...tags } })).toBe(code);
});
