import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

test('a duration is a whole number and one unit', () => {
  expect(parseDuration('0s')).toBe(0);
  expect(parseDuration('10m')).toBe(600_000);
  expect(parseDuration('30d')).toBe(2_592_000_000);
});

test('every count of every unit comes back as its milliseconds', () => {
  const unit = fc.constantFrom(...Object.entries(UNITS));
  fc.assert(
    fc.property(fc.nat(10_000_000), unit, (count, [name, ms]) => {
      expect(parseDuration(`${count}${name}`)).toBe(count * ms);
    }),
  );
});

test.each(['', '10', 'm', '-1s', '1.5h', '10 m', '1h30m', '10M', 'never', '99999999999999d', '1e3s'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test('no text is read as anything but a safe whole number', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const durationMs = parseDuration(text);
      expect(durationMs === undefined || (Number.isSafeInteger(durationMs) && durationMs >= 0)).toBe(true);
    }),
  );
});
