import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { type Evidence, judgeOther } from './staleness.ts';

const FOUND = digestOf('found');
const NOTHING: Evidence = {
  upstream: 'docker.io',
  past: [],
  isAuthoritys: undefined,
  nowMs: Date.parse('2026-07-10T12:00:00Z'),
};

test('a digest that the tag meant before is stale, since it was replaced', () => {
  const past = [{ digest: FOUND, at: new Date('2026-06-01'), until: new Date('2026-07-01T12:00Z'), by: 'our store' }];
  expect(judgeOther(FOUND, { ...NOTHING, past })).toEqual({
    finding: 'stale',
    found: FOUND,
    detail: 'our store knows that it meant that at docker.io until 2026-07-01, 9 days ago',
  });
});

test.each([
  [
    new Date('2026-07-10T11:00Z'),
    'the journal knows that it meant that at docker.io on 2026-07-10, less than a day ago',
  ],
  [new Date('2026-07-09T11:00Z'), 'the journal knows that it meant that at docker.io on 2026-07-09, 1 day ago'],
  [undefined, 'the journal knows that it meant that at docker.io before'],
])('where its end is not known, what is known is said: %s', (at, detail) => {
  const past = [{ digest: FOUND, at, by: 'the journal' }];
  expect(judgeOther(FOUND, { ...NOTHING, past })).toMatchObject({ finding: 'stale', detail });
});

test('a digest that the authority still has, and that no tag means now, is stale', () => {
  expect(judgeOther(FOUND, { ...NOTHING, isAuthoritys: true })).toMatchObject({
    finding: 'stale',
    detail: 'docker.io has that image, and the tag means another one now',
  });
});

test('what another tag means today is no older image, but a wrong one', () => {
  expect(judgeOther(FOUND, { ...NOTHING, isAuthoritys: true, meantBy: '1.26' })).toMatchObject({
    finding: 'different',
    detail: 'that is what 1.26 means at docker.io',
  });
});

test('nothing is guessed of a digest that nobody knows', () => {
  const past = [{ digest: digestOf('another'), by: 'our store' }];
  expect(judgeOther(FOUND, { ...NOTHING, past, isAuthoritys: false })).toMatchObject({
    finding: 'different',
    detail: 'docker.io has no such image in this repository',
  });
  expect(judgeOther(FOUND, { ...NOTHING, past })).toMatchObject({
    finding: 'different',
    detail: 'docker.io does not say whether it ever had that image',
  });
});
