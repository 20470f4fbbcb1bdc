import { expect, test } from 'vitest';
import { parseRate } from './rate.ts';

test('a rate is a count for each second, minute, hour or day', () => {
  expect(parseRate('10/s')).toBe(10);
  expect(parseRate('600/m')).toBe(10);
  expect(parseRate('3600/h')).toBe(1);
  expect(parseRate('86400/d')).toBe(1);
});

test.each(['', '10', '/s', '0/s', '10/w', '10/ s', '-1/s', '1.5/s', '10/sec', '9999999999/s'])(
  '"%s" is no rate',
  (text) => {
    expect(parseRate(text)).toBeUndefined();
  },
);
