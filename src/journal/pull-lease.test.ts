// What every ledger promises of leases.
import { describe, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { ProcessPullLedger, type PullLedger } from '../remote/pull-ledger.ts';

const HOST = 'registry-1.docker.io';
const said = (remaining: number) => ({ limit: 100, remaining, windowSeconds: 3600 });
type MakeLedger = (temporary: TemporaryJournal, reserve: number) => PullLedger;

const ledgers: readonly (readonly [name: string, make: MakeLedger])[] = [
  ['ProcessPullLedger', ({ clock }, reserve) => new ProcessPullLedger(clock, { reserve })],
  ['DiskPullLedger', (temporary, reserve) => temporary.ledger({ reserve })],
];

describe.each(ledgers)('a lease of a %s', (_, make) => {
  async function withLedger(remaining: number, reserve: number, work: (ledger: PullLedger) => Promise<void>) {
    using temporary = new TemporaryJournal();
    const ledger = make(temporary, reserve);
    ledger.observed(said(remaining));
    await work(ledger);
  }

  test('is the whole cost or nothing', async () => {
    await withLedger(30, 0, async (ledger) => {
      using first = ledger.lease(17);
      expect(first?.isPartial).toBe(false);
      expect(ledger.lease(17)).toBeUndefined();
      using second = ledger.lease(13);
      expect(second).toBeDefined();
      expect(ledger.lease(1)).toBeUndefined();
    });
  });

  test('of nothing is always granted', async () => {
    await withLedger(0, 0, async (ledger) => expect(ledger.lease(0)?.isPartial).toBe(false));
  });

  test('is drawn down by what is spent in it, and gives back the rest once', async () => {
    await withLedger(20, 0, async (ledger) => {
      const lease = ledger.lease(15);
      for (let pull = 0; pull < 5; pull += 1) await lease?.spend(HOST);
      expect(ledger.lease(6)).toBeUndefined();
      lease?.[Symbol.dispose]();
      lease?.[Symbol.dispose]();
      expect(ledger.lease(16)).toBeUndefined();
      expect(ledger.lease(15)).toBeDefined();
    });
  });

  test('is not touched by what is spent beside it', async () => {
    await withLedger(20, 0, async (ledger) => {
      using lease = ledger.lease(15);
      for (let pull = 0; pull < 5; pull += 1) await ledger.spend(HOST);
      await expect(ledger.spend(HOST)).rejects.toThrow('has no pulls left');
      for (let pull = 0; pull < 15; pull += 1) await lease?.spend(HOST);
      await expect(lease?.spend(HOST)).rejects.toThrow('has no pulls left');
    });
  });

  test('that turns out too small goes on with what nobody has leased', async () => {
    await withLedger(20, 0, async (ledger) => {
      using lease = ledger.lease(3);
      using other = ledger.lease(15);
      for (let pull = 0; pull < 5; pull += 1) await lease?.spend(HOST);
      await expect(lease?.spend(HOST)).rejects.toThrow('has no pulls left');
      await other?.spend(HOST);
    });
  });

  test('leaves the reserve alone', async () => {
    await withLedger(30, 20, async (ledger) => {
      expect(ledger.lease(11)).toBeUndefined();
      expect(ledger.lease(10)).toBeDefined();
    });
  });

  test('for an image dearer than a whole window is what is left', async () => {
    await withLedger(30, 20, async (ledger) => {
      using lease = ledger.lease(81);
      expect(lease?.isPartial).toBe(true);
      for (let pull = 0; pull < 10; pull += 1) await lease?.spend(HOST);
      await expect(lease?.spend(HOST)).rejects.toThrow('has no pulls left');
      expect(ledger.lease(81)).toBeUndefined();
    });
  });

  test('is granted while nothing is known, and counts from then on', async () => {
    using temporary = new TemporaryJournal();
    const ledger = make(temporary, 0);
    using lease = ledger.lease(500);
    expect(lease?.isPartial).toBe(false);
    ledger.observed(said(100));
    await expect(ledger.spend(HOST)).rejects.toThrow('has no pulls left');
    await lease?.spend(HOST);
  });
});
