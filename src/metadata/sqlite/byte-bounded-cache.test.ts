import { expect, test } from 'vitest';
import { ByteBoundedCache } from './byte-bounded-cache.ts';

const bytes = (length: number) => new Uint8Array(length);

test('what was not used for longest goes first', () => {
  const cache = new ByteBoundedCache<string>(4000);
  for (const key of ['a', 'b', 'c', 'd']) cache.set(key, bytes(700));
  cache.get('a');
  cache.set('e', bytes(700));
  cache.set('f', bytes(700));
  expect(['a', 'b', 'c', 'd', 'e', 'f'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'd', 'e', 'f']);
});

test('nothing that would push out much else is kept, and small things cost something too', () => {
  const cache = new ByteBoundedCache<number>(10_000);
  cache.set(0, bytes(2501));
  expect(cache.get(0)).toBeUndefined();
  for (let key = 1; key <= 1000; key += 1) cache.set(key, bytes(0));
  const kept = Array.from({ length: 1001 }, (_, key) => cache.get(key)).filter((held) => held !== undefined);
  expect(kept.length).toBe(33);
});
