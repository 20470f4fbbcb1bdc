import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';
import { formatTable } from './table.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1234, '1.2 kB'],
  [99_949, '99.9 kB'],
  [99_951, '100 kB'],
  [999_499, '999 kB'],
  [999_501, '1.0 MB'],
  [81_000_000, '81.0 MB'],
  [4.2e15, '4.2 PB'],
  [4.2e18, '4200 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 m'],
  [230, '3 m 50 s'],
  [3600, '1 h'],
  [21_600, '6 h'],
  [5460, '1 h 31 m'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('counts have commas, and nouns their number', () => {
  expect([formatCount(9849), plural(1, 'image'), plural(0, 'image'), plural(1000, 'image')]).toEqual([
    '9,849',
    '1 image',
    '0 images',
    '1,000 images',
  ]);
});

test('a table has columns as wide as their widest cell, numbers to the right, and no blanks at the end', () => {
  const rows = [
    ['nginx', '1,234', 'here'],
    ['hello-world', '7', ''],
  ];
  expect(formatTable(['NAME', 'TAGS', 'WHERE'], rows)).toBe(
    ['NAME          TAGS  WHERE', 'nginx        1,234  here', 'hello-world      7', ''].join('\n'),
  );
});

test('a table without rows is its headings', () => {
  expect(formatTable(['NAME', 'TAGS'], [])).toBe('NAME  TAGS\n');
});
