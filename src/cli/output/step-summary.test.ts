import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobReport } from '../../sync/report.ts';
import { stepSummary } from './step-summary.ts';

const counts = { wanted: 0, copied: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0 };

function reportWith(some: Partial<JobReport>): JobReport {
  return {
    name: 'library',
    tags: counts,
    images: counts,
    sources: { 'docker.io': { manifestGets: 180, heads: 12, apiCalls: 240, blobGets: 61, bytes: 81_000_000 } },
    targets: { 'registry.example.com': { blobPuts: 60, mounts: 210, manifestPuts: 300, bytes: 81_000_000 } },
    failures: [],
    notices: [],
    budget: {},
    notMetered: [],
    seconds: 41.2,
    ...some,
  };
}

const summaryOf = (some: Partial<JobReport>) => stepSummary({ version: 1, jobs: [reportWith(some)] });

test('a summary is tables of what was wanted, asked for and left', async () => {
  const summary = summaryOf({
    tags: { ...counts, wanted: 9849, copied: 120, upToDate: 9700, pending: 4, deferred: 24, failed: 1 },
    budget: {
      'docker.io': { limit: 100, windowSeconds: 3600, remaining: 76, resetsBy: '2026-11-23T10:00:00.000Z' },
    },
    failures: [
      { reference: 'docker.io/library/x:1', origin: 'source', code: 'MANIFEST_UNKNOWN', message: 'has no x:1' },
    ],
    notices: ['an older copy of the catalog was used'],
    revision: '37079fb0123456789',
  });
  await expect(summary).toMatchFileSnapshot('../../../test/golden/step-summary.md');
});

test('an upstream that counts nothing is said to be not metered', () => {
  expect(summaryOf({ notMetered: ['docker.io'] })).toContain('| docker.io | not metered |  |');
});

test('nothing that a registry says becomes markup, or another cell', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (message) => {
      const failure = { reference: 'x', origin: 'target', code: 'DENIED' } as const;
      const lines = summaryOf({ failures: [{ ...failure, message }], notices: [message] }).split('\n');
      const row = lines.find((line) => line.startsWith('| x |')) ?? '';
      expect(row.split('|')).toHaveLength(6);
      expect(lines.join('').replaceAll(/&#\d+;/g, '')).not.toMatch(/[<>`[\]]/);
    }),
  );
});

test('a summary stays below the MiB that it may have', () => {
  const failure = {
    reference: 'x'.repeat(300),
    origin: 'target',
    code: 'DENIED',
    message: '|'.repeat(10_000),
  } as const;
  const failures = Array.from({ length: 10_000 }, () => failure);
  const summary = summaryOf({ failures, notices: failures.map(({ message }) => message) });
  expect(Buffer.byteLength(summary)).toBeLessThan(1024 * 1024);
  expect(summary).toContain('And 9,900 more');
});
