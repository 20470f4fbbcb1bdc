// What several processes on one data folder do to each other.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../app/is-alive.ts';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { type RunningProgram, startProgram } from '../../test/support/programs/program.ts';
import { JobLease } from './job-lease.ts';

const PROGRAM = path.join(import.meta.dirname, '../../test/support/journal/main.ts');
const LIMIT = 500;
let temporary: TemporaryJournal;
let programs: RunningProgram[];

beforeEach(() => {
  temporary = new TemporaryJournal();
  // The others have no clock but the machine's.
  temporary.clock.advance(Date.now() - temporary.clock.now());
  programs = [];
});
afterEach(async () => {
  for (const program of programs) await kill(program);
  temporary[Symbol.dispose]();
});

/** Starts processes that begin together, and gives what each of them prints. */
async function start(task: string, count: number): Promise<readonly unknown[]> {
  const args = [PROGRAM, task, temporary.dataFolder, String(count)];
  const started = await Promise.all(Array.from({ length: count }, () => startProgram(process.execPath, args)));
  programs.push(...started);
  const lines = await Promise.all(started.map((program) => program.firstLine));
  return lines.map((line): unknown => JSON.parse(line));
}

async function kill(program: RunningProgram): Promise<void> {
  program.kill('SIGKILL');
  await program.exited;
}

function ledgerWithLimit() {
  const ledger = temporary.ledger({ isAlive });
  ledger.observed({ limit: LIMIT, remaining: LIMIT, windowSeconds: 3600 });
  return ledger;
}

const sum = (numbers: readonly unknown[]) => numbers.reduce((sum: number, number) => sum + Number(number), 0);

test('leases of all processes together are never more than the limit, and all of it is granted', async () => {
  ledgerWithLimit();
  expect(sum(await start('lease', 2))).toBe(LIMIT);
});

test('leases that come and go are never more than the limit at any time', async () => {
  ledgerWithLimit();
  const most = (await start('churn', 2)).map(Number);
  expect(Math.max(...most)).toBeLessThanOrEqual(LIMIT);
  expect(Math.max(...most)).toBeGreaterThan(LIMIT / 2);
});

test('pulls of all processes together are as many as the limit', async () => {
  const ledger = ledgerWithLimit();
  expect(sum(await start('spend', 2))).toBe(LIMIT);
  expect(ledger.budget?.remaining).toBe(0);
});

test('leases of a process that was killed come back', async () => {
  const ledger = ledgerWithLimit();
  expect(await start('lease', 1)).toEqual([LIMIT]);
  expect(ledger.lease(1)).toBeUndefined();
  await kill(programs[0]!);
  expect(ledger.lease(LIMIT)).toBeDefined();
});

test('processes that open a new journal at the same moment all have it', async () => {
  expect(await start('open', 4)).toEqual([[], [], [], []]);
});

test('processes that find a damaged journal at the same moment move it aside once', async () => {
  mkdirSync(path.dirname(temporary.file));
  writeFileSync(temporary.file, 'no database '.repeat(5000));
  const notices = (await start('open', 4)).flat();
  expect(notices).toEqual([expect.stringContaining('was damaged')]);
  const aside = readdirSync(path.dirname(temporary.file)).filter((name) => name.includes('.corrupt-'));
  expect(aside).toHaveLength(1);
});

test('a lock that another process holds for a while is waited for', async () => {
  const journal = temporary.open();
  expect(await start('hold', 1)).toEqual(['held']);
  journal.write(() => journal.prepare('DELETE FROM pulls').run());
});

test('a job has one run at a time, and the lease of a killed one is taken over', async () => {
  const journal = temporary.open();
  expect(await start('job', 1)).toEqual(['taken']);
  const { pid } = programs[0]!;
  expect(() => JobLease.take(journal, 'library', process.pid)).toThrow(
    new RegExp(`^job "library" is already running in process ${pid} since 20\\S+Z; wait for its end, or stop it$`),
  );
  await kill(programs[0]!);
  using lease = JobLease.take(journal, 'library', process.pid);
  expect(lease).toBeDefined();
});

test('of runs that begin at the same moment one has the job', async () => {
  const outcomes = await start('job', 3);
  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(1);
  expect(outcomes.filter((outcome) => String(outcome).includes('is already running'))).toHaveLength(2);
});
