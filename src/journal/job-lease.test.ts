import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { UsageError } from '../oci/usage-error.ts';
import { JobLease } from './job-lease.ts';

let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

test('a second run of a job is refused in a sentence that names the first', () => {
  const [first, second] = [temporary.open(), temporary.open()];
  using _lease = JobLease.take(first, 'library', 4711);
  temporary.clock.advance(60_000);
  expect(() => JobLease.take(second, 'library', 4712)).toThrow(UsageError);
  expect(() => JobLease.take(second, 'library', 4712)).toThrow(
    'job "library" is already running in process 4711 since 2026-11-23T10:00:00.000Z; wait for its end, or stop it',
  );
});

test('other jobs run beside it, whatever their names', () => {
  const journal = temporary.open();
  using _one = JobLease.take(journal, 'library', 1);
  using other = JobLease.take(journal, '../../etc/passwd', 1);
  expect(other).toBeDefined();
});

test('a run that has ended makes room for the next', () => {
  const journal = temporary.open();
  JobLease.take(journal, 'library', 1)[Symbol.dispose]();
  using next = JobLease.take(journal, 'library', 2);
  expect(next).toBeDefined();
});

test('what a dead run left behind, in whatever state, stops nobody', () => {
  const journal = temporary.open();
  journal.write(() => journal.prepare('INSERT INTO running_jobs VALUES (?, ?, ?)').run('library', process.pid, 0));
  const lock = path.join(journal.folder, 'jobs', 'b718f1354f724731.lock');
  mkdirSync(path.dirname(lock));
  writeFileSync(lock, 'garbage '.repeat(1000));
  using lease = JobLease.take(journal, 'library', process.pid);
  expect(lease).toBeDefined();
});

test('a folder for locks that cannot be made is said with its path', () => {
  const journal = temporary.open();
  writeFileSync(path.join(journal.folder, 'jobs'), '');
  expect(() => JobLease.take(journal, 'library', 1)).toThrow(/jobs\/.+\.lock cannot be used \(EEXIST\)/);
});

test('a run that ends on a full disk gives back its job, and its pulls, all the same', () => {
  const journal = temporary.open();
  const ledger = temporary.ledger({ journal });
  ledger.observed({ limit: 100, remaining: 100, windowSeconds: 3600 });
  const leases = [JobLease.take(journal, 'library', 1), ledger.lease(10)];
  journal.prepare('PRAGMA query_only = ON').run();
  for (const lease of leases) expect(() => lease?.[Symbol.dispose]()).not.toThrow();
  using next = JobLease.take(temporary.open(), 'library', 2);
  expect(next).toBeDefined();
});
