import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Pace } from './pace.ts';

test('a second of units may be taken at once, and then one whenever there is one', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock, 4);
  expect([1, 2, 3, 4].map(() => pace.tryTake())).toEqual([0, 0, 0, 0]);
  expect(pace.tryTake()).toBe(250);
  clock.advance(250);
  expect([pace.tryTake(), pace.tryTake()]).toEqual([0, 250]);
});

test('what was refused costs nothing', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock, 1);
  expect(pace.tryTake()).toBe(0);
  for (let refused = 0; refused < 100; refused += 1) expect(pace.tryTake()).toBe(1000);
  clock.advance(1000);
  expect(pace.tryTake()).toBe(0);
});

test('less than one a second is one in a while', () => {
  const clock = new FakeClock();
  const pace = new Pace(clock, 0.1);
  expect([pace.tryTake(), pace.tryTake()]).toEqual([0, 10_000]);
  clock.advance(10_000);
  expect(pace.tryTake()).toBe(0);
});

test('what is taken in advance is waited for afterwards', () => {
  const pace = new Pace(new FakeClock(), 1000);
  expect([pace.take(1000), pace.take(500), pace.take(500)]).toEqual([0, 500, 1000]);
});

test('without a limit nobody waits', () => {
  const pace = new Pace(new FakeClock(), Infinity);
  expect([pace.take(1e12), pace.tryTake()]).toEqual([0, 0]);
});

test('whatever is asked for and when, no more is given than the rate and one burst', () => {
  const moves = fc.array(fc.record({ waitMs: fc.nat({ max: 700 }), tries: fc.nat({ max: 20 }) }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), moves, (rate, all) => {
      const clock = new FakeClock();
      const pace = new Pace(clock, rate);
      let given = 0;
      for (const { waitMs, tries } of all) {
        clock.advance(waitMs);
        for (let tried = 0; tried < tries; tried += 1) if (pace.tryTake() === 0) given += 1;
        expect(given).toBeLessThanOrEqual(rate * (1 + clock.elapsedMs / 1000) + 1e-6);
      }
    }),
  );
});
