import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseByteRange, parseContentRange } from './byte-range.ts';

const sizes = fc.integer({ min: 0, max: 1000 });
const ends = fc.option(fc.integer({ min: 0, max: 1200 }), { nil: undefined });

test('a range that is given lies within the bytes, and is as much of what was asked for as there is', () => {
  fc.assert(
    fc.property(sizes, ends, ends, (size, from, to) => {
      const range = parseByteRange(`bytes=${from ?? ''}-${to ?? ''}`, size);
      const bytes = Array.from({ length: size }, (_, index) => index);
      const asked =
        from === undefined ? bytes.slice(to === 0 ? size : -(to ?? 0)) : bytes.slice(from, (to ?? size) + 1);
      if (from === undefined && to === undefined) expect(range).toBeUndefined();
      else if (asked.length === 0) expect(range).toBe('unsatisfiable');
      else expect(range).toEqual({ first: asked[0], last: asked.at(-1) });
    }),
  );
});

test('no header does anything else than ask for a range, for the whole, or for what is not there', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes=[-0-9, ]*$/)), sizes, (header, size) => {
      const range = parseByteRange(header, size);
      if (typeof range !== 'object') return;
      expect(range.first).toBeGreaterThanOrEqual(0);
      expect(range.last).toBeGreaterThanOrEqual(range.first);
      expect(range.last).toBeLessThan(size);
    }),
  );
});

describe('a header that is not one range of bytes is ignored', () => {
  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=0-1,3-4',
    'lines=0-1',
    'bytes=0x1-2',
    'bytes=--5',
    'bytes=5 6-',
    `bytes=0-1${' '.repeat(200)}`,
    `bytes=0-${'1'.repeat(200)}`,
  ])('%s', (header) => expect(parseByteRange(header, 10)).toBeUndefined());
});

test('numbers beyond all sizes are beyond the end', () => {
  expect(parseByteRange(`bytes=0-${'9'.repeat(80)}`, 10)).toEqual({ first: 0, last: 9 });
  expect(parseByteRange(`bytes=${'9'.repeat(80)}-`, 10)).toBe('unsatisfiable');
  expect(parseByteRange(`bytes=-${'9'.repeat(80)}`, 10)).toEqual({ first: 0, last: 9 });
});

test('blanks may stand between the parts of a range', () => {
  expect(parseByteRange(' Bytes = 2 - 5 ', 10)).toEqual({ first: 2, last: 5 });
  expect(parseByteRange('bytes= - 5', 10)).toEqual({ first: 5, last: 9 });
  expect(parseByteRange('bytes=2 -', 10)).toEqual({ first: 2, last: 9 });
});

test('a Content-Range of a chunk is two numbers in order, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (one, other) => {
      const [first, last] = [Math.min(one, other), Math.max(one, other)];
      expect(parseContentRange(`${first}-${last}`)).toEqual({ first, last });
      if (first < last) expect(parseContentRange(`${last}-${first}`)).toBeUndefined();
    }),
  );
  for (const text of ['', '-', '0-', '-1', 'bytes 0-1', '0-1/2', '0-1,2-3', ' 0-1', '+0-1', `0-${'9'.repeat(20)}`]) {
    expect(parseContentRange(text)).toBeUndefined();
  }
});
