import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { type Sample, Sampler } from './check-sample.ts';

const DIGESTS = Array.from({ length: 200 }, (_, nth) => digestOf(`${nth}`));

function pick(sample: Sample, seed: string, total = DIGESTS.length): readonly string[] {
  const sampler = new Sampler(sample, total, seed);
  return DIGESTS.filter((digest) => sampler.takes(digest));
}

test.each<[string, Sample, number]>([
  ['a tenth', { share: 0.1 }, 20],
  ['all', { share: 1 }, 200],
  ['a part of a blob is a whole one', { share: 0.001 }, 1],
  ['a number', { count: 7 }, 7],
  ['none', { count: 0 }, 0],
  ['more than there are', { count: 1000 }, 200],
])('a sample has as many blobs as it was asked for: %s', (_what, sample, count) => {
  expect(pick(sample, 'a seed')).toHaveLength(count);
  expect(new Sampler(sample, DIGESTS.length, 'a seed').count).toBe(count);
});

test('the same seed picks the same blobs, and another one picks others', () => {
  expect(pick({ share: 0.1 }, 'one')).toEqual(pick({ share: 0.1 }, 'one'));
  expect(pick({ share: 0.1 }, 'one')).not.toEqual(pick({ share: 0.1 }, 'two'));
});

test('after a few dozen samples of a tenth every blob was in one', () => {
  const seeds = Array.from({ length: 90 }, (_, nth) => `seed ${nth}`);
  expect(new Set(seeds.flatMap((seed) => pick({ share: 0.1 }, seed))).size).toBe(DIGESTS.length);
});

test('blobs that came since they were counted are not picked', () => {
  expect(pick({ share: 1 }, 'a seed', 150)).toEqual(DIGESTS.slice(0, 150));
});
