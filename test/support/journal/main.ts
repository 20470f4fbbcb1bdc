// A process that works on a journal, for tests of several: `node main.ts TASK FOLDER COUNT`. It begins when so many of
// them are there, prints a line of JSON with what came of it, and stays until it is killed.
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DiskPullLedger } from '../../../src/journal/disk-pull-ledger.ts';
import { JobLease } from '../../../src/journal/job-lease.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { isAlive } from '../../../src/app/is-alive.ts';

const [task = '', folder = '', count = '1'] = process.argv.slice(2);
const notices: string[] = [];
const tasks: Record<string, () => unknown> = {
  open: () => notices,
  lease: leaseAll,
  churn,
  spend,
  job: takeJob,
  hold: holdTheLock,
};

writeFileSync(path.join(folder, `ready-${process.pid}`), '');
while (readdirSync(folder).filter((name) => name.startsWith('ready-')).length < Number(count));
const journal = Journal.open(folder, { now: Date.now, onNotice: (notice) => void notices.push(notice) });
const ledger = new DiskPullLedger({ journal, upstream: 'docker.io', pid: process.pid, isAlive });
process.stdout.write(`${JSON.stringify(await tasks[task]?.())}\n`);
setInterval(() => undefined, 60_000);

/** How many leases of one pull were granted. */
function leaseAll(): number {
  let granted = 0;
  while (ledger.lease(1) !== undefined) granted += 1;
  return granted;
}

/** Takes and gives back leases, and says the most that were granted to all processes at any time. */
function churn(): number {
  const held: Disposable[] = [];
  let most = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const lease = ledger.lease(1 + (round % 4));
    if (lease !== undefined) held.push(lease);
    const granted = journal.prepare('SELECT sum(pulls) AS sum FROM pull_leases').get();
    most = Math.max(most, Number(granted?.['sum']));
    if (lease === undefined || round % 3 === 0) held.shift()?.[Symbol.dispose]();
  }
  return most;
}

/** How many pulls were allowed. */
async function spend(): Promise<number> {
  for (let spent = 0; ; spent += 1) {
    try {
      await ledger.spend('registry-1.docker.io');
    } catch {
      return spent;
    }
  }
}

function takeJob(): string {
  try {
    JobLease.take(journal, 'library', process.pid);
    return 'taken';
  } catch (error) {
    return String(error);
  }
}

/** Keeps others from writing for longer than SQLite's own patience. */
function holdTheLock(): string {
  journal.prepare('BEGIN IMMEDIATE').run();
  setTimeout(() => journal.prepare('COMMIT').run(), 300);
  return 'held';
}
