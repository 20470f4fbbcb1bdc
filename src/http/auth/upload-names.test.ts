import { expect, test } from 'vitest';
import { uploadNames } from './upload-names.ts';

const KEY = Buffer.alloc(32, 1);

test('an upload is found by whoever began it, and by nobody else', () => {
  const name = uploadNames(KEY, 'ann').outside('upload-1');
  expect(name).toMatch(/^[\w-]{1,128}$/);
  expect(uploadNames(KEY, 'ann').inside(name)).toBe('upload-1');
  expect(uploadNames(KEY, 'bob').inside(name)).toBeUndefined();
  expect(uploadNames(KEY, undefined).inside(name)).toBeUndefined();
  expect(uploadNames(Buffer.alloc(32, 2), 'ann').inside(name)).toBeUndefined();
});

test.each(['', 'upload-1', '-', 'x'.repeat(22), `upload-1-${'A'.repeat(22)}`])('%j is no name of an upload', (name) => {
  expect(uploadNames(KEY, 'ann').inside(name)).toBeUndefined();
});
