// Figures are printed; only what is wrong by far fails.
import { expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { CopiedTags } from './copied-tags.ts';

const HOST = 'registry-1.docker.io';

async function millisecondsOf(what: string, work: () => Promise<void> | void): Promise<number> {
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  console.log(`${what}: ${ms.toFixed(1)} ms`);
  return ms;
}

test('a pull is logged in far less than it takes to send it', async () => {
  using temporary = new TemporaryJournal();
  const ledger = temporary.ledger({ reserve: 20 });
  ledger.observed({ limit: 2000, remaining: 2000, windowSeconds: 3600 });
  const ms = await millisecondsOf('1,000 leases of one pull, spent and observed', async () => {
    for (let pull = 1; pull <= 1000; pull += 1) {
      using lease = ledger.lease(1);
      await lease?.spend(HOST);
      ledger.observed({ limit: 2000, remaining: 2000 - pull, windowSeconds: 3600 });
    }
  });
  const spendMs = await millisecondsOf('900 pulls logged', async () => {
    for (let pull = 0; pull < 900; pull += 1) await ledger.spend(HOST);
  });
  expect(ms / 1000).toBeLessThan(20);
  expect(spendMs / 900).toBeLessThan(5);
});

test('a library of tags is written and read in the blink of an eye', async () => {
  using temporary = new TemporaryJournal();
  const repository = parseRepositoryName('library/nginx');
  const checkedAt = new Date(temporary.clock.now());
  const rows = Array.from({ length: 10_000 }, (_, index) => ({
    repository,
    tag: parseTag(`1.${index}-alpine`),
    sourceDigest: digestOf(`source ${index}`),
    targetDigest: digestOf(`target ${index}`),
    checkedAt,
  }));
  const tags = new CopiedTags(temporary.open(), 'registry.example.com');
  const writeMs = await millisecondsOf('10,000 tags written', () => tags.put(rows));
  await millisecondsOf('10,000 tags written again', () => tags.put(rows));
  const readMs = await millisecondsOf('10,000 tags read', () => expect(tags.in(repository).size).toBe(10_000));
  await millisecondsOf('their journal opened and checked', () => void temporary.open());
  expect(writeMs).toBeLessThan(5000);
  expect(readMs).toBeLessThan(1000);
});
