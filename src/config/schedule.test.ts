import { expect, test } from 'vitest';
import { type Schedule, parseSchedule } from './schedule.ts';

function moments(text: string, timeZone: string, after: string, count: number): string[] {
  const schedule = parseSchedule(text, timeZone) as Schedule;
  const found: string[] = [];
  for (let atMs = Date.parse(after); found.length < count; found.push(new Date(atMs).toISOString().slice(0, 16))) {
    atMs = schedule.next(atMs);
  }
  return found;
}

test.each([
  ['17 */6 * * *', 'UTC', '2026-11-23T12:17:00Z', ['2026-11-23T18:17', '2026-11-24T00:17']],
  ['0 3 * * mon-fri', 'Asia/Shanghai', '2026-11-20T00:00:00Z', ['2026-11-22T19:00', '2026-11-23T19:00']],
  ['0 0 29 2 *', 'UTC', '2026-11-23T00:00:00Z', ['2028-02-29T00:00', '2032-02-29T00:00']],
  // As every cron has it: of a day of the month and a day of the week, either.
  ['0 0 13 * 5', 'UTC', '2026-11-07T00:00:00Z', ['2026-11-13T00:00', '2026-11-20T00:00']],
])('%s in %s comes after %s at %j', (text, timeZone, after, expected) => {
  expect(moments(text, timeZone, after, 2)).toEqual(expected);
});

test('an hour that summer time leaves out comes later, and one that it repeats comes once', () => {
  expect(moments('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T01:00',
    '2026-03-30T00:30',
  ]);
  expect(moments('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
    '2026-10-25T00:30',
    '2026-10-26T01:30',
  ]);
});

test.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])('%s never comes, which is said', (text) => {
  expect(parseSchedule(text, 'UTC')).toBe('there is no such day in any year, so the job would never run');
});

test.each([
  ['99 * * * *', 'minute'],
  ['0 */90 * * *', 'hour'],
  ['0 0 5-1 * FOO', 'day of the month and the day of the week'],
])('%s is no schedule, and which field is wrong is said', (text, fields) => {
  expect(parseSchedule(text, 'UTC')).toBe(
    `expected five cron fields such as "17 */6 * * *" (the ${fields} cannot be read)`,
  );
});
