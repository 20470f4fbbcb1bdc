import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleOf } from './sample.ts';

const TAGS = Array.from({ length: 500 }, (_, nth) => `library/app:${nth}`);
const sample = (count: number, seed: string) => sampleOf(TAGS, count, seed, (tag) => tag);

test('the same seed chooses the same tags, and another one others', () => {
  expect(sample(20, 'a')).toEqual(sample(20, 'a'));
  expect(sample(20, 'a')).not.toEqual(sample(20, 'b'));
});

test('so many are chosen, each once, in their order', () => {
  fc.assert(
    fc.property(fc.nat(600), fc.string(), (count, seed) => {
      const chosen = sample(count, seed);
      expect(chosen).toHaveLength(Math.min(count, TAGS.length));
      expect(chosen).toEqual(TAGS.filter((tag) => chosen.includes(tag)));
    }),
    { numRuns: 20 },
  );
});
