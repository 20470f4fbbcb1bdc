import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSize } from './size.ts';

const UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

test('GiB counts in 1024, GB in 1000', () => {
  expect(parseSize('200GiB')).toBe(200 * 1024 ** 3);
  expect(parseSize('500MB')).toBe(500_000_000);
});

test('every count of every unit comes back as its bytes', () => {
  const unit = fc.constantFrom(...Object.entries(UNITS));
  fc.assert(
    fc.property(fc.nat(8000), unit, (count, [name, bytes]) => {
      expect(parseSize(`${count}${name}`)).toBe(count * bytes);
    }),
  );
});

test.each(['', '200', 'GiB', '1.5GiB', '-1B', '1gib', '1 GiB', '9007199254740993B', 'unlimited'])(
  '"%s" is no size',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);
