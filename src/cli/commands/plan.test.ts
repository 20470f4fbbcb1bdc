import { expect, test } from 'vitest';
import { secondsUnderLimit } from './plan.ts';

const NOW_MS = 1_000_000;
const budget = { limit: 100, windowSeconds: 3600, remaining: 40, resetsByMs: NOW_MS + 600_000 };
const time = (pulls: number, reserve = 0) => secondsUnderLimit(pulls, budget, { reserve, nowMs: NOW_MS });

test('what is left now takes no time, the rest of the window until it is back, and each further window its own', () => {
  expect([0, 40, 41, 100].map((pulls) => time(pulls))).toEqual([0, 0, 600, 600]);
  expect([101, 140, 141, 200, 201].map((pulls) => time(pulls))).toEqual([3600, 3600, 4200, 4200, 7200]);
});

test('the reserve is left to others in each window', () => {
  expect([20, 21, 80, 81].map((pulls) => time(pulls, 20))).toEqual([0, 600, 600, 3600]);
});

test('with all of a window reserved it takes for ever, unless nothing is left to do', () => {
  expect([time(1, 100), time(0, 100)]).toEqual([null, 0]);
});

test('a window that has passed is no wait', () => {
  expect(secondsUnderLimit(50, { ...budget, resetsByMs: 0 }, { reserve: 0, nowMs: NOW_MS })).toBe(0);
});
