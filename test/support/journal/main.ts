// A process that works on a journal, for tests of several: `node main.ts TASK FOLDER`. It prints a line when it is
// ready and begins when FOLDER/go exists, prints what came of it, and stays until it is killed.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DiskPullLedger } from '../../../src/journal/disk-pull-ledger.ts';
import { JobLease } from '../../../src/journal/job-lease.ts';
import { Journal } from '../../../src/journal/journal.ts';
import type { PullLease } from '../../../src/remote/pull-ledger.ts';

const [task = '', folder = ''] = process.argv.slice(2);
const notices: string[] = [];

process.stdout.write('ready\n');
while (!existsSync(path.join(folder, 'go')));
const journal = Journal.open(folder, { now: Date.now, onNotice: (notice) => notices.push(notice) });
const ledger = new DiskPullLedger({ journal, upstream: 'docker.io', pid: process.pid, isAlive });
const tasks: Record<string, () => unknown> = {
  open: () => notices,
  lease: () => leaseAll().length,
  churn,
  spend,
  job: () => JobLease.take(journal, 'library', process.pid) && 'taken',
  hold: holdTheLock,
};
process.stdout.write(`${JSON.stringify(await tasks[task]?.())}\n`);
setInterval(() => undefined, 60_000);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function leaseAll(): readonly PullLease[] {
  const leases: PullLease[] = [];
  for (let lease = ledger.lease(1); lease !== undefined; lease = ledger.lease(1)) leases.push(lease);
  return leases;
}

/** Takes and gives back leases, and says the most that were granted to all processes at any time. */
function churn(): number {
  const held: PullLease[] = [];
  let most = 0;
  for (let round = 0; round < 1_000; round += 1) {
    const lease = ledger.lease(1 + (round % 4));
    if (lease !== undefined) held.push(lease);
    const granted = journal.prepare('SELECT sum(pulls) AS sum FROM pull_leases').get();
    most = Math.max(most, Number(granted?.['sum']));
    if (lease === undefined || round % 3 === 0) held.shift()?.[Symbol.dispose]();
  }
  return most;
}

async function spend(): Promise<number> {
  for (let spent = 0; ; spent += 1) {
    try {
      await ledger.spend('registry-1.docker.io');
    } catch {
      return spent;
    }
  }
}

/** Keeps others from writing for longer than SQLite's own patience. */
function holdTheLock(): string {
  journal.prepare('BEGIN IMMEDIATE').run();
  setTimeout(() => journal.prepare('COMMIT').run(), 300);
  return 'held';
}
