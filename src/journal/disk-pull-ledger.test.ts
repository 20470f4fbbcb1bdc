import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import type { PullLedger } from '../remote/pull-ledger.ts';
import { RemoteError } from '../remote/remote-error.ts';

const HOST = 'registry-1.docker.io';
const WINDOW_SECONDS = 3600;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** Longer than a request of ours can be on its way. */
const SETTLED_MS = 31_000;
const said = (remaining: number, source?: string) => ({ limit: 100, remaining, windowSeconds: WINDOW_SECONDS, source });
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

async function spend(ledger: PullLedger, pulls: number): Promise<void> {
  for (let pull = 0; pull < pulls; pull += 1) await ledger.spend(HOST);
}

async function refusalOf(ledger: PullLedger): Promise<RemoteError> {
  const error: unknown = await ledger.spend(HOST).catch((error: unknown) => error);
  if (error instanceof RemoteError) return error;
  throw new Error('a pull was allowed');
}

describe('what is left', () => {
  test('nothing is known at first, and all is allowed', async () => {
    const ledger = temporary.ledger();
    await spend(ledger, 300);
    expect(ledger.budget).toBeUndefined();
  });

  test('our own pulls count from before they are sent', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 30);
    expect(ledger.budget).toMatchObject({ limit: 100, remaining: 70, windowSeconds: WINDOW_SECONDS });
  });

  test('what others behind the same address spent counts, as of the last answer', async () => {
    const ledger = temporary.ledger();
    await spend(ledger, 10);
    ledger.observed(said(60));
    expect(ledger.budget?.remaining).toBe(60);
    await spend(ledger, 60);
    expect((await refusalOf(ledger)).code).toBe('PULL_LIMIT');
  });

  test('pulls that have not arrived yet do not hide those of others', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(90));
    await spend(ledger, 20);
    ledger.observed(said(89));
    expect(ledger.budget?.remaining).toBe(70);
    temporary.clock.advance(SETTLED_MS);
    ledger.observed(said(75));
    expect(ledger.budget?.remaining).toBe(75);
  });

  test('each pull comes back by itself, a window after it was sent', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 60);
    temporary.clock.advance(WINDOW_MS / 2);
    await spend(ledger, 40);
    await refusalOf(ledger);
    temporary.clock.advance(WINDOW_MS / 2 + SETTLED_MS);
    await spend(ledger, 60);
    await refusalOf(ledger);
  });

  test('what others had spent is back a window after it was seen', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(0));
    await refusalOf(ledger);
    temporary.clock.advance(WINDOW_MS);
    expect(ledger.budget?.remaining).toBe(100);
  });

  test('the reserve is left to others, and to ledgers without one', async () => {
    const sync = temporary.ledger({ reserve: 20 });
    sync.observed(said(30));
    await spend(sync, 10);
    await refusalOf(sync);
    await spend(temporary.ledger(), 20);
  });

  test('pulls survive the process', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 30);
    expect(temporary.ledger().budget?.remaining).toBe(70);
  });

  test('each upstream and each login has an account of its own', async () => {
    temporary.ledger().observed(said(0));
    await spend(temporary.ledger({ login: 'ada' }), 1);
    await spend(temporary.ledger({ upstream: 'quay.io' }), 1);
    await refusalOf(temporary.ledger());
  });

  test('another address or account begins anew', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100, '203.0.113.7'));
    await spend(ledger, 50);
    ledger.observed(said(90, '198.51.100.9'));
    expect(ledger.budget).toMatchObject({ remaining: 90, source: '198.51.100.9' });
  });

  test('the limit and the window are whatever the last answer says', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 50);
    ledger.observed({ limit: 200, remaining: 150, windowSeconds: 21_600 });
    expect(ledger.budget).toMatchObject({ limit: 200, remaining: 150, windowSeconds: 21_600 });
  });

  test('all pulls are back at the latest a window after the last of ours, and of the last that were seen', async () => {
    const ledger = temporary.ledger();
    const startMs = temporary.clock.now();
    ledger.observed(said(100));
    expect(ledger.budget?.resetsByMs).toBe(startMs);
    temporary.clock.advance(1000);
    ledger.observed(said(90));
    expect(ledger.budget?.resetsByMs).toBe(startMs + 1000 + WINDOW_MS);
    temporary.clock.advance(1000);
    await spend(ledger, 1);
    expect(ledger.budget?.resetsByMs).toBeGreaterThanOrEqual(startMs + 2000 + WINDOW_MS);
    temporary.clock.advance((ledger.budget?.resetsByMs ?? 0) - temporary.clock.now());
    expect(ledger.budget?.remaining).toBe(100);
  });
});

describe('an upstream that does not meter', () => {
  test('allows all', async () => {
    const ledger = temporary.ledger();
    ledger.observed(undefined);
    await spend(ledger, 300);
    expect(ledger.budget).toBeUndefined();
  });

  test('that begins to says what is left, and from then on our pulls count again, for all processes', async () => {
    const ledger = temporary.ledger();
    ledger.observed(undefined);
    await spend(ledger, 300);
    ledger.observed(said(90));
    expect(ledger.budget?.remaining).toBe(90);
    await spend(ledger, 80);
    expect(temporary.ledger().budget?.remaining).toBe(10);
  });

  test('and yet refuses closes the account', async () => {
    const ledger = temporary.ledger();
    ledger.observed(undefined);
    ledger.refused();
    ledger.observed(undefined);
    await refusalOf(ledger);
  });

  test('is not known to a new process, which logs until an answer says so', async () => {
    temporary.ledger().observed(undefined);
    const ledger = temporary.ledger();
    await spend(ledger, 10);
    ledger.observed(said(100));
    expect(ledger.budget?.remaining).toBe(90);
  });

  test('is one that said nothing of a limit for a window: single images may be free where others are not', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(0));
    ledger.observed(undefined);
    await refusalOf(ledger);
    temporary.clock.advance(WINDOW_MS);
    ledger.observed(undefined);
    expect(ledger.budget).toBeUndefined();
    await spend(ledger, 300);
  });
});

describe('a refusal of the upstream', () => {
  test('closes the account for a window, whatever we thought was left', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(50));
    ledger.refused();
    expect(ledger.budget?.remaining).toBe(0);
    temporary.clock.advance(WINDOW_MS - 1);
    await refusalOf(ledger);
    temporary.clock.advance(1);
    await spend(ledger, 100);
  });

  test('is over when a later answer says that something is left', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(0));
    ledger.refused();
    temporary.clock.advance(60_000);
    ledger.observed(said(3));
    await spend(ledger, 3);
  });

  test('without a word of a limit closes it for six hours', async () => {
    const ledger = temporary.ledger();
    ledger.observed(undefined);
    ledger.refused();
    const refusal = await refusalOf(ledger);
    expect(refusal.message).toBe(
      `${HOST} has no pulls left for us; the window opens again at the latest at 2026-11-23T16:00:00.000Z`,
    );
    temporary.clock.advance(6 * 3_600_000);
    await spend(ledger, 1);
  });

  test('that is repeated does not put off the next window', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(0));
    ledger.refused();
    for (let minutes = 0; minutes < 60; minutes += 1) {
      await refusalOf(ledger);
      temporary.clock.advance(60_000);
      if (minutes < 59) ledger.refused();
    }
    await spend(ledger, 1);
  });
});

describe('a clock that jumps', () => {
  test('back: all pulls are back a window later, though somebody asks every minute', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 100);
    ledger.refused();
    temporary.clock.advance(-7 * 86_400_000);
    for (let minutes = 0; minutes < 61; minutes += 1) {
      await refusalOf(ledger);
      temporary.clock.advance(60_000);
    }
    await spend(ledger, 100);
  });

  test('forth: it frees a window’s pulls once, and the next answer sets it right', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 100);
    temporary.clock.advance(7 * 86_400_000);
    await spend(ledger, 1);
    ledger.observed(said(0));
    await refusalOf(ledger);
  });

  test('forth and back by an hour: what was sent is not forgotten', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(100));
    await spend(ledger, 100);
    temporary.clock.advance(2 * WINDOW_MS);
    await spend(ledger, 100);
    temporary.clock.advance(-2 * WINDOW_MS);
    await refusalOf(ledger);
  });
});

describe('a lease', () => {
  test('is hidden from other processes as long as its holder lives, and comes back when it ends', () => {
    const living = new Set([1]);
    const isAlive = (pid: number) => living.has(pid);
    const [one, other] = [temporary.ledger({ pid: 1, isAlive }), temporary.ledger({ pid: 2, isAlive })];
    one.observed(said(20));
    expect(one.lease(15)).toBeDefined();
    expect(other.lease(10)).toBeUndefined();
    living.delete(1);
    expect(other.lease(10)).toBeDefined();
  });

  test('expires when nobody draws on it, for process ids are used again', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(20));
    const [used, unused] = [ledger.lease(10), ledger.lease(10)];
    temporary.clock.advance(10 * 60_000);
    await used?.spend(HOST);
    temporary.clock.advance(10 * 60_000);
    expect(unused).toBeDefined();
    expect(ledger.lease(11)).toBeUndefined();
    expect(ledger.lease(10)).toBeDefined();
  });

  test('that has expired can still be used while something is left', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(20));
    const lease = ledger.lease(20);
    temporary.clock.advance(20 * 60_000);
    using other = ledger.lease(15);
    for (let pull = 0; pull < 5; pull += 1) await lease?.spend(HOST);
    expect(other).toBeDefined();
    await expect(lease?.spend(HOST)).rejects.toThrow('has no pulls left');
  });

  test('taken before the clock was set back expires all the same', () => {
    const ledger = temporary.ledger();
    ledger.observed(said(20));
    expect(ledger.lease(20)).toBeDefined();
    temporary.clock.advance(-86_400_000);
    expect(ledger.lease(1)).toBeUndefined();
    temporary.clock.advance(16 * 60_000);
    expect(ledger.lease(1)).toBeDefined();
  });

  test('does not help when the upstream refuses', async () => {
    const ledger = temporary.ledger();
    ledger.observed(said(20));
    using lease = ledger.lease(10);
    ledger.refused();
    await expect(lease?.spend(HOST)).rejects.toThrow('has no pulls left');
  });
});
