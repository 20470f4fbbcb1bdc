import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { FollowedJobs } from '../../journal/followed-jobs.ts';
import { JobRuns } from '../../journal/job-runs.ts';
import { Journal } from '../../journal/journal.ts';
import { main } from '../main.ts';

const NOW_MS = Date.parse('2026-11-23T10:00:00Z');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-jobs-'));
  configure('sync: [{ name: library, catalog: { images: [nginx] }, schedule: "0 0 29 2 *" }]');
});
afterEach(() => rmSync(folder, { recursive: true }));

function configure(yaml: string): void {
  writeFileSync(path.join(folder, 'wharf.yaml'), `data: ./data\nadmin: unix:${folder}/admin.sock\n${yaml}\n`);
}

async function run(...args: string[]) {
  const recording = recordingTerminal(folder);
  const code = await main(['jobs', ...args], recording.terminal);
  return { code, ...recording.said };
}

function record(): void {
  using journal = Journal.open(path.join(folder, 'data'), { now: () => NOW_MS, onNotice: () => undefined });
  new FollowedJobs(journal).follow('library', '0 0 29 2 * UTC', { sinceMs: NOW_MS, share: 0 });
  const tags = { wanted: 3, copied: 1, upToDate: 1, pending: 0, deferred: 0, failed: 1 };
  const failures = [{ reference: 'docker.io/library/x:1', code: 'DENIED', message: 'docker.io denies access' }];
  const runs = new JobRuns(journal);
  const id = runs.begin({ job: 'library', reason: 'catch-up', pid: 1, startedAtMs: NOW_MS });
  const account = { exitCode: 1, tags, images: tags, failures, revision: '37079fb0123456789' };
  runs.end(id, { endedAtMs: NOW_MS + 90_000, outcome: 'failed', account });
}

test('where nothing has run yet, jobs are listed and nothing is made', async () => {
  const { code, out } = await run();
  expect([code, out]).toEqual([
    0,
    'NAME     SCHEDULE    STATE  LAST RUN  RESULT  COMMIT  NEXT RUN\nlibrary  0 0 29 2 *  idle   -         -       -       -\n',
  ]);
  expect(existsSync(path.join(folder, 'data'))).toBe(false);
});

test('the last run and the next one are told', async () => {
  record();
  const { out } = await run();
  expect(out).toContain('2026-11-23 10:00:00  failed (1 copied, 1 failed)  37079fb01234  2028-02-29 00:00:00\n');
});

test('of one job the runs are told, and why the last one failed', async () => {
  record();
  const { out } = await run('library');
  expect(out).toContain('2026-11-23 10:00:00  catch-up  1 m 30 s  failed (1 copied, 1 failed)  37079fb01234\n');
  expect(out).toContain('\n  docker.io/library/x:1: docker.io denies access\n');
});

test('as JSON it is what the admin listener tells', async () => {
  record();
  const { out } = await run('library', '--json');
  expect(JSON.parse(out)).toMatchObject({
    version: 1,
    name: 'library',
    last: { outcome: 'failed', exitCode: 1, endedAt: '2026-11-23T10:01:30.000Z' },
    next: { at: '2028-02-29T00:00:00.000Z', reason: 'schedule' },
    runs: [{ reason: 'catch-up' }],
  });
});

test.each([
  [['other'], 'there is no job "other"; there are library'],
  [['run', 'other'], 'there is no job "other"; there are library'],
  [['stop', 'library'], '"stop" is nothing to do with a job; there are run, pause, resume, cancel'],
  [['run', 'library'], /no wharf serve answers at unix:.*admin\.sock \(.*ENOENT.*\); start it, or set admin to where/],
])('%j is refused in a sentence', async (args, sentence) => {
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toMatch(sentence);
});
