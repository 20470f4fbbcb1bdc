import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Seldom } from './seldom.ts';

test('what comes often is told of at once and then once a minute, with how often it came', () => {
  const clock = new FakeClock();
  const seldom = new Seldom(clock);
  const told = Array.from({ length: 130 }, () => {
    const due = seldom.due('docker.io');
    clock.advance(1000);
    return due;
  });
  expect(told.flatMap((times, second) => (times === undefined ? [] : [[second, times]]))).toEqual([
    [0, 1],
    [60, 60],
    [120, 60],
  ]);
});

test('each key has a minute of its own, whatever the machine’s clock is set to', () => {
  const clock = new FakeClock();
  const seldom = new Seldom(clock);
  expect([seldom.due('docker.io'), seldom.due('ghcr.io')]).toEqual([1, 1]);
  clock.set(3_600_000);
  expect(seldom.due('docker.io')).toBe(undefined);
});

test('what was taken is not told of once more', () => {
  const clock = new FakeClock();
  const seldom = new Seldom(clock);
  for (let count = 0; count < 4; count += 1) seldom.due('docker.io');
  expect([seldom.take('docker.io'), seldom.take('docker.io'), seldom.take('ghcr.io')]).toEqual([3, 0, 0]);
  clock.advance(60_000);
  expect(seldom.due('docker.io')).toBe(1);
});
