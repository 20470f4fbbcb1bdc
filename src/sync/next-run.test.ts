import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Schedule, parseSchedule } from '../config/schedule.ts';
import type { JobRun } from '../journal/job-runs.ts';
import { type ScheduledJob, nextRun } from './next-run.ts';

const HOUR_MS = 3_600_000;
const at = (time: string) => Date.parse(`2026-11-23T${time}:00Z`);
const schedule = parseSchedule('0 */6 * * *', 'UTC') as Schedule;

function run(startedAt: string, more: Partial<JobRun> = {}): JobRun {
  const startedAtMs = at(startedAt);
  const ended = { endedAtMs: startedAtMs + 60_000, outcome: 'done' } as const;
  return { id: 1, job: 'library', reason: 'schedule', pid: 1, startedAtMs, ...ended, account: {}, ...more };
}

function due(now: string, runs: readonly JobRun[], more: Partial<ScheduledJob> = {}) {
  const followed = { sinceMs: at('00:30'), share: 0 };
  const { atMs, reason } = nextRun({ schedule, jitterMs: 0, followed, runs, ...more }, at(now));
  return `${new Date(atMs).toISOString().slice(11, 16)} ${reason}`;
}

test('what the schedule wanted before the job was followed was never due', () => {
  expect(due('00:31', [])).toBe('06:00 schedule');
});

test('the next moment of the schedule comes after the last run', () => {
  expect(due('07:00', [run('06:00')])).toBe('12:00 schedule');
  expect(due('12:01', [run('06:00')])).toBe('12:00 schedule');
});

test('missed moments are caught up by one run, also by one that somebody began by hand', () => {
  expect(due('19:30', [run('00:40')])).toBe('06:00 catch-up');
  expect(due('19:31', [run('19:30'), run('00:40')])).toBe('00:00 schedule');
  expect(due('19:31', [run('18:10', { reason: 'by hand' })])).toBe('00:00 schedule');
});

test('a machine comes later by its share of the jitter', () => {
  const jitter = { jitterMs: HOUR_MS, followed: { sinceMs: at('00:30'), share: 0.5 } };
  expect(due('07:00', [], jitter)).toBe('06:30 catch-up');
  expect(due('06:31', [run('06:30')], jitter)).toBe('12:30 schedule');
});

describe('a run that wants pulls', () => {
  const deferred = (resumesAt?: string) =>
    run('06:00', { outcome: 'deferred', account: resumesAt === undefined ? {} : { resumesAtMs: at(resumesAt) } });

  test('goes on when the window opens', () => {
    expect(due('06:10', [deferred('07:00')])).toBe('07:00 window');
  });

  test('and with the schedule, where that comes first or nobody knows when the window opens', () => {
    expect(due('06:10', [deferred('13:00')])).toBe('12:00 schedule');
    expect(due('06:10', [deferred()])).toBe('12:00 schedule');
  });

  test('waits a minute for a window that was open already', () => {
    expect(due('06:10', [deferred('05:00')])).toBe('06:02 window');
  });
});

describe('a run that was broken off', () => {
  const interrupted = (startedAt: string) => run(startedAt, { outcome: 'interrupted' });

  test('goes on at once, and after ever longer pauses when that is broken off too', () => {
    expect(due('06:05', [interrupted('06:00')])).toBe('06:01 catch-up');
    expect(due('06:05', [interrupted('06:02'), interrupted('06:00')])).toBe('06:04 catch-up');
    expect(due('06:05', [interrupted('06:10'), interrupted('06:02'), interrupted('06:00')])).toBe('06:13 catch-up');
  });

  test('by the end of its server goes on with the next one, however often that comes', () => {
    const stopped = ['06:03', '06:02', '06:00'].map((startedAt) => run(startedAt, { outcome: 'stopped' }));
    expect(due('06:05', stopped)).toBe('06:04 catch-up');
  });
});

test.each(['failed', 'cancelled', 'skipped'] as const)('a run that was %s waits for the schedule', (outcome) => {
  expect(due('06:05', [run('06:00', { outcome })])).toBe('12:00 schedule');
});

describe('a clock', () => {
  test('that is set back runs nothing again', () => {
    expect(due('11:30', [run('12:00')])).toBe('18:00 schedule');
  });

  test('that was wrong by more than a day is forgotten', () => {
    const wrong = run('12:00', { startedAtMs: at('12:00') + 400 * 24 * HOUR_MS });
    expect(due('12:01', [wrong, run('06:00')])).toBe('12:00 schedule');
  });

  test('whatever it does within a day, every moment that has passed is settled by a run, and none by two', () => {
    const step = fc.integer({ min: -23 * HOUR_MS, max: 60 * HOUR_MS });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let nowMs = at('00:30');
        let latestMs = nowMs;
        const runs: JobRun[] = [];
        const followed = { sinceMs: nowMs, share: 0 };
        for (const byMs of steps) {
          nowMs = Math.max(latestMs - 23 * HOUR_MS, nowMs + byMs);
          latestMs = Math.max(latestMs, nowMs);
          const job = { schedule, jitterMs: 0, followed, runs };
          if (nextRun(job, nowMs).atMs > nowMs) continue;
          runs.unshift(run('00:00', { startedAtMs: nowMs, endedAtMs: nowMs }));
          expect(nextRun(job, nowMs).atMs).toBeGreaterThan(nowMs);
        }
        const starts = runs.map(({ startedAtMs }) => startedAtMs);
        const slots = starts.map((startedAtMs) => Math.floor(startedAtMs / (6 * HOUR_MS)));
        expect(new Set(slots).size).toBe(slots.length);
      }),
    );
  });
});
