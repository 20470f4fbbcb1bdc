import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FakeClock } from '../../test/support/fake-clock.ts';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { recordLog } from '../../test/support/recorded-log.ts';
import type { SyncJobConfig } from '../config/config.ts';
import { JobLease } from '../journal/job-lease.ts';
import type { Journal } from '../journal/journal.ts';
import type { EndedRun } from './ended-run.ts';
import type { JobEnd } from './job-process.ts';
import { historyOfJob, statusOfJob } from './job-status.ts';
import { ScheduledJobs } from './scheduled-jobs.ts';

const HOUR_MS = 3_600_000;
const LIBRARY = { name: 'library', schedule: { cron: '0 * * * *', timeZone: 'UTC', jitterMs: 0 } } as SyncJobConfig;
const REPORT = JSON.stringify({
  jobs: [
    {
      tags: { wanted: 3, copied: 1, upToDate: 1, pending: 0, deferred: 1, failed: 0 },
      images: { wanted: 3, copied: 1, upToDate: 1, pending: 0, deferred: 1, failed: 0 },
      failures: [],
      revision: '37079fb',
      budget: { 'docker.io': { resetsBy: '2026-11-23T11:20:00.000Z' } },
    },
  ],
});

/** A process that ends when the test says so. */
class Child {
  readonly signals: string[] = [];
  readonly #ended = Promise.withResolvers<JobEnd>();
  readonly process = {
    pid: 4711,
    ended: this.#ended.promise,
    kill: (signal: string) => void this.signals.push(signal),
  };

  async end(exitCode?: number, output = ''): Promise<void> {
    this.#ended.resolve({ exitCode, output, lastLine: 'wharf: the last that it said' });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let temporary: TemporaryJournal;
let journal: Journal;
let children: Child[];
let ended: EndedRun[];

beforeEach(() => {
  temporary = new TemporaryJournal();
  journal = temporary.open();
  [children, ended] = [[], []];
});
afterEach(() => temporary[Symbol.dispose]());

function open(clock: FakeClock = temporary.clock) {
  const log = recordLog();
  const start = () => {
    const child = new Child();
    children.push(child);
    return child.process;
  };
  const onEnded = (run: EndedRun) => void ended.push(run);
  const jobs = new ScheduledJobs({ jobs: () => [LIBRARY], start, journal, log, clock, onEnded });
  jobs.look();
  return { jobs, log };
}

const outcomes = () => historyOfJob(LIBRARY, journal).map(({ reason, outcome }) => `${reason}: ${outcome}`);

/** Looks as often as a server does. */
function pass(jobs: ScheduledJobs, ms: number): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 60_000) {
    temporary.clock.advance(60_000);
    jobs.look();
  }
}

test('a job runs when it is due, and not a second time while it runs', async () => {
  const { jobs } = open();
  pass(jobs, HOUR_MS - 60_000);
  expect(children).toHaveLength(0);
  pass(jobs, 3 * HOUR_MS);
  expect(children).toHaveLength(1);
  await children[0]?.end(0);
  expect(outcomes()).toEqual(['schedule: done']);
  expect(ended).toMatchObject([{ job: 'library', outcome: 'done' }]);
});

test('what was missed while no server ran is caught up once', async () => {
  open();
  temporary.clock.advance(24 * HOUR_MS);
  const { jobs } = open();
  expect(children).toHaveLength(1);
  await children[0]?.end(0);
  pass(jobs, HOUR_MS / 2);
  expect([children.length, outcomes()]).toEqual([1, ['catch-up: done']]);
});

test('a clock that is set back runs nothing again', async () => {
  const { jobs } = open();
  pass(jobs, HOUR_MS);
  await children[0]?.end(0);
  temporary.clock.set(-HOUR_MS / 2);
  pass(jobs, HOUR_MS);
  expect(children).toHaveLength(1);
});

test('a run that lacked pulls goes on when they are back', async () => {
  const { jobs } = open();
  pass(jobs, HOUR_MS);
  await children[0]?.end(3, REPORT);
  expect(statusOfJob(LIBRARY, journal)).toMatchObject({
    last: { outcome: 'deferred', revision: '37079fb', tags: { deferred: 1 }, resumesAt: '2026-11-23T11:20:00.000Z' },
    next: { at: '2026-11-23T11:20:00.000Z', reason: 'window' },
  });
  pass(jobs, HOUR_MS / 3);
  await children[1]?.end(0);
  expect(outcomes()).toEqual(['window: done', 'schedule: deferred']);
});

test('a run that failed waits for the schedule, and what it said last is kept', async () => {
  const { jobs } = open();
  pass(jobs, HOUR_MS);
  await children[0]?.end(2);
  pass(jobs, HOUR_MS / 2);
  expect(children).toHaveLength(1);
  expect(historyOfJob(LIBRARY, journal)).toMatchObject([
    { outcome: 'failed', exitCode: 2, message: 'wharf: the last that it said' },
  ]);
});

test('a run of another process is noted, and not failed', async () => {
  const { jobs } = open();
  using other = temporary.open();
  {
    using _lease = JobLease.take(other, 'library', 1);
    pass(jobs, HOUR_MS);
  }
  expect([children.length, outcomes()]).toEqual([0, ['schedule: skipped']]);
  expect(ended).toEqual([]);
});

test('a run whose server was killed is found, and gone on with', async () => {
  const { jobs } = open();
  pass(jobs, HOUR_MS);
  const next = open();
  expect(outcomes()).toEqual(['catch-up: running', 'schedule: interrupted']);
  await children[1]?.end(0);
  next.jobs.look();
  expect(children).toHaveLength(2);
});

describe('ended before its time', () => {
  test('by somebody, it waits for the schedule', async () => {
    const { jobs } = open();
    pass(jobs, HOUR_MS);
    expect(jobs.cancel('library')).toBe(true);
    await children[0]?.end(143);
    pass(jobs, HOUR_MS / 2);
    expect([children[0]?.signals[0], children.length, outcomes()]).toEqual(['SIGTERM', 1, ['schedule: cancelled']]);
    expect(jobs.cancel('library')).toBe(false);
  });

  test('by the end of its server, it is killed if it does not end by itself', async () => {
    const { jobs } = open();
    pass(jobs, HOUR_MS);
    const over = jobs[Symbol.asyncDispose]();
    // Time passes at once.
    while ((children[0]?.signals.length ?? 0) < 2) await new Promise((resolve) => setImmediate(resolve));
    await children[0]?.end();
    await over;
    expect([children[0]?.signals, outcomes()]).toEqual([['SIGTERM', 'SIGKILL'], ['schedule: stopped']]);
  });
});

test('a disk that fails is said once a minute, and nothing else fails', () => {
  const { jobs, log } = open();
  journal.prepare('PRAGMA query_only = ON').run();
  pass(jobs, HOUR_MS + 120_000);
  const said = log.lines.filter(([message]) => message === 'error schedule not followed');
  expect([said.length, children.length]).toEqual([3, 0]);
});
