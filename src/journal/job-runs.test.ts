import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { FollowedJobs } from './followed-jobs.ts';
import { JobRuns } from './job-runs.ts';

const BEGUN = { job: 'library', reason: 'schedule', pid: 1, startedAtMs: 1000 } as const;
const ENDED = { endedAtMs: 2000, outcome: 'done', account: { exitCode: 0 } } as const;
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

test('a run is there for other processes from its beginning, and then with how it ended', () => {
  const runs = new JobRuns(temporary.open());
  const id = runs.begin(BEGUN);
  const elsewhere = new JobRuns(temporary.open());
  expect(elsewhere.of('library')).toEqual([{ id, ...BEGUN, account: {} }]);
  runs.end(id, ENDED);
  expect(elsewhere.of('library')).toEqual([{ id, ...BEGUN, ...ENDED }]);
});

test('a run ends once', () => {
  const runs = new JobRuns(temporary.open());
  const id = runs.begin(BEGUN);
  runs.end(id, ENDED);
  runs.end(id, { ...ENDED, outcome: 'interrupted' });
  expect(runs.of('library')).toMatchObject([{ outcome: 'done' }]);
});

test('the last hundred of each job are kept, the latest first', () => {
  const runs = new JobRuns(temporary.open());
  const other = runs.begin({ ...BEGUN, job: 'other' });
  for (let startedAtMs = 1; startedAtMs <= 130; startedAtMs += 1) runs.begin({ ...BEGUN, startedAtMs });
  const kept = runs.of('library');
  expect([kept.length, kept[0]?.startedAtMs, kept.at(-1)?.startedAtMs]).toEqual([100, 130, 31]);
  expect(runs.of('other')).toMatchObject([{ id: other }]);
});

test.each(['{', '7', '{"tags":{"wanted":"many"}}'])('what is not as we write it is not believed: %s', (account) => {
  const journal = temporary.open();
  const runs = new JobRuns(journal);
  runs.end(runs.begin(BEGUN), ENDED);
  journal.write(() => journal.prepare(`UPDATE job_runs SET account = ?, outcome = 'new', reason = 'new'`).run(account));
  expect(runs.of('library')).toMatchObject([{ reason: 'by hand', outcome: 'failed', account: {} }]);
});

test('a schedule is followed since a moment, and another one begins anew', () => {
  const followed = new FollowedJobs(temporary.open());
  followed.follow('library', '0 * * * * UTC', { sinceMs: 7, share: 0.5 });
  expect(followed.find('library', '0 * * * * UTC')).toEqual({ sinceMs: 7, share: 0.5 });
  expect(followed.find('library', '5 * * * * UTC')).toBeUndefined();
});

test('a pause is there for the next process, and what the schedule wanted meanwhile is not caught up', () => {
  const followed = new FollowedJobs(temporary.open());
  followed.follow('library', 'daily', { sinceMs: 7, share: 0.5 });
  followed.pause('library');
  const next = new FollowedJobs(temporary.open());
  expect([next.isPaused('library'), next.isPaused('other')]).toEqual([true, false]);
  temporary.clock.advance(60_000);
  next.resume('library');
  expect(followed.isPaused('library')).toBe(false);
  expect(followed.find('library', 'daily')).toEqual({ sinceMs: temporary.clock.now(), share: 0.5 });
});
