import { expect, test } from 'vitest';
import { type RunEnd, accountOf, outcomeOf, readReport } from './run-outcome.ts';

const COUNTS = { wanted: 30, copied: 1, upToDate: 1, pending: 0, deferred: 8, failed: 20 };

function printed(more: object = {}): string {
  const failures = Array.from({ length: 20 }, (_, index) => ({
    reference: `docker.io/library/x:${index}`,
    origin: 'source',
    code: 'DENIED',
    message: 'denied '.repeat(1000),
  }));
  const budget = { 'docker.io': { limit: 100, resetsBy: '2026-11-23T11:00:00.000Z' } };
  return JSON.stringify({ version: 1, jobs: [{ tags: COUNTS, images: COUNTS, failures, budget, ...more }] });
}

test.each<[RunEnd, string]>([
  [{ exitCode: 0 }, 'done'],
  [{ exitCode: 0, why: 'cancelled' }, 'done'],
  [{ exitCode: 1 }, 'failed'],
  [{ exitCode: 2 }, 'failed'],
  [{ exitCode: 2, isTaken: true }, 'skipped'],
  [{ exitCode: 3 }, 'deferred'],
  [{ exitCode: 70 }, 'failed'],
  [{}, 'interrupted'],
  [{ exitCode: 143 }, 'interrupted'],
  [{ exitCode: 143, why: 'stopped' }, 'stopped'],
  [{ why: 'cancelled' }, 'cancelled'],
])('%j is %s', (end, outcome) => {
  expect(outcomeOf(end)).toBe(outcome);
});

test('of a report the counts, the first failures and the end of the window are kept', () => {
  const report = readReport(printed({ revision: '37079fb' }));
  const account = accountOf(report!);
  expect(account).toMatchObject({ tags: COUNTS, revision: '37079fb', resumesAtMs: Date.parse('2026-11-23T11:00:00Z') });
  expect(account.failures).toHaveLength(10);
  expect(account.failures?.[0]?.message).toHaveLength(500);
});

test('a window is of use to who was deferred, and where it is a time', () => {
  const isWaiting = (more: object) => 'resumesAtMs' in accountOf(readReport(printed(more))!);
  expect(isWaiting({ tags: { ...COUNTS, deferred: 0 } })).toBe(false);
  expect(isWaiting({ budget: { 'docker.io': { resetsBy: 'soon' } } })).toBe(false);
  expect(isWaiting({ budget: {} })).toBe(false);
});

test.each(['', '{', '[]', 'null', '{"jobs":[]}', '{"jobs":[{}]}', printed().slice(0, -1), printed({ tags: 7 })])(
  'what is no whole report is none: %j',
  (text) => {
    expect(readReport(text)).toBeUndefined();
  },
);
