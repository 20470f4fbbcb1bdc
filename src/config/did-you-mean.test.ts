import { expect, test } from 'vitest';
import { closest } from './did-you-mean.ts';

const KEYS = ['freshFor', 'staleFor', 'url', 'to', 'upstreams', 'hosts', 'hosted'];

test.each([
  ['frshFor', 'freshFor'],
  ['fresh_for', 'freshFor'],
  ['fresh-for', 'freshFor'],
  ['freshfor', 'freshFor'],
  ['ulr', 'url'],
  ['upsteams', 'upstreams'],
  ['host', 'hosts'],
])('"%s" is most likely %s', (word, key) => {
  expect(closest(word, KEYS)).toBe(key);
});

test.each(['banana', 'x', '', 'y'.repeat(10_000)])('"%s" is like none of them', (word) => {
  expect(closest(word, KEYS)).toBeUndefined();
});
