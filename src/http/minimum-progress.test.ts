import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { MinimumProgress } from './minimum-progress.ts';

const LIMITS = { graceMs: 1000, bytesPerSecond: 100 };

test('who does nothing is over after the grace, and who is not waited for is not', () => {
  const clock = new FakeClock();
  const progress = new MinimumProgress(clock, LIMITS);
  clock.advance(5000);
  expect(progress.isOver).toBe(false);
  progress.startWaiting();
  clock.advance(1000);
  expect(progress.isOver).toBe(false);
  clock.advance(1);
  expect(progress.isOver).toBe(true);
});

test('who is fast enough may go on for ever, and who drips may not', () => {
  expect(secondsUntilOver(100)).toBe(Infinity);
  expect(secondsUntilOver(1)).toBe(2);
});

test('a fast beginning does not pay for a standstill', () => {
  const clock = new FakeClock();
  const progress = new MinimumProgress(clock, LIMITS);
  for (let count = 0; count < 1000; count += 1) progress.add(100);
  progress.startWaiting();
  clock.advance(2001);
  expect(progress.isOver).toBe(true);
});

function secondsUntilOver(bytesEachSecond: number): number {
  const clock = new FakeClock();
  const progress = new MinimumProgress(clock, LIMITS);
  for (let seconds = 1; seconds < 1000; seconds += 1) {
    progress.startWaiting();
    clock.advance(1000);
    if (progress.isOver) return seconds;
    progress.stopWaiting();
    progress.add(bytesEachSecond);
  }
  return Infinity;
}
