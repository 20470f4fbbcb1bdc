import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTag } from '../oci/reference.ts';
import { isFresh, isFreshForInsistent, isUsableStale } from './freshness.ts';

const TAG = parseTag('1.27');
const policy = { freshForMs: 600_000, staleForMs: 3_600_000, isImmutable: () => false };
const moment = fc.integer({ min: 0, max: 10_000_000 });

test.each([
  ['when it was just said', 0, true],
  ['at the end of its time', 599_999, true],
  ['when its time is over', 600_000, false],
  ['when the clock was set back a little', -599_999, true],
  ['when the clock was set back by far', -600_000, false],
])('fresh or not: %s', (_, ageMs, fresh) => {
  expect(isFresh(TAG, { asOfMs: 1_000_000, nowMs: 1_000_000 + ageMs }, policy)).toBe(fresh);
});

test('with no time at all, every request asks', () => {
  fc.assert(
    fc.property(moment, moment, (asOfMs, nowMs) => {
      expect(isFresh(TAG, { asOfMs, nowMs }, { ...policy, freshForMs: 0 })).toBe(false);
    }),
  );
});

test('a tag that never moves is always fresh, however old', () => {
  fc.assert(
    fc.property(moment, moment, (asOfMs, nowMs) => {
      expect(isFresh(TAG, { asOfMs, nowMs }, { ...policy, isImmutable: () => true })).toBe(true);
    }),
  );
});

test('who insists is heard after ten seconds, whichever way the clock went', () => {
  fc.assert(
    fc.property(moment, moment, (asOfMs, nowMs) => {
      expect(isFreshForInsistent({ asOfMs, nowMs })).toBe(Math.abs(nowMs - asOfMs) < 10_000);
    }),
  );
});

test('an answer stands in for none up to its time, and not a moment longer', () => {
  expect(isUsableStale({ asOfMs: 0, nowMs: 3_600_000 }, policy)).toBe(true);
  expect(isUsableStale({ asOfMs: 0, nowMs: 3_600_001 }, policy)).toBe(false);
});
