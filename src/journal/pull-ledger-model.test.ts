// The ledger against a hub that counts for itself, with requests that take their time, other spenders and bad clocks.
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { RollingWindow } from '../../test/support/hub/rolling-window.ts';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import type { PullLease } from '../remote/pull-ledger.ts';
import { DiskPullLedger } from './disk-pull-ledger.ts';

const LIMIT = 10;
const WINDOW_SECONDS = 100;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** Below what the ledger allows for: a tenth of the window. */
const LONGEST_FLIGHT_MS = 9_000;
const HOST = 'registry-1.docker.io';

interface Pulls {
  readonly type: 'pull' | 'lease';
  readonly process: 0 | 1;
  readonly count: number;
  readonly flightMs: number;
}
type Payer = Pick<PullLease, 'spend'>;
type Action =
  | Pulls
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'head'; readonly process: 0 | 1; readonly flightMs: number }
  | { readonly type: 'others'; readonly count: number }
  | { readonly type: 'clock'; readonly byMs: number };

const process = fc.constantFrom(0 as const, 1 as const);
const count = fc.integer({ min: 1, max: LIMIT + 2 });
const flightMs = fc.integer({ min: 0, max: LONGEST_FLIGHT_MS });
const wait = fc.record({
  type: fc.constant('wait' as const),
  ms: fc.oneof(
    fc.integer({ min: 0, max: WINDOW_MS }),
    fc.integer({ min: WINDOW_MS, max: WINDOW_MS + 2 * LONGEST_FLIGHT_MS }),
  ),
});
const pull = fc.record({ type: fc.constantFrom('pull' as const, 'lease' as const), process, count, flightMs });
const head = fc.record({ type: fc.constant('head' as const), process, flightMs });
const others = fc.record({ type: fc.constant('others' as const), count });
const clockBack = fc.record({ type: fc.constant('clock' as const), byMs: fc.integer({ min: -3 * WINDOW_MS, max: 0 }) });
const clockForth = fc.record({ type: fc.constant('clock' as const), byMs: fc.integer({ min: 0, max: 3 * WINDOW_MS }) });

const temporary = new TemporaryJournal();
const journal = temporary.open();
afterAll(() => temporary[Symbol.dispose]());

let runs = 0;

/** Two ledgers, as of two processes, and the hub. True time and the clock of the machine may differ. */
class World {
  trueMs = 0;
  refusedPulls = 0;
  brokenLeases = 0;
  mostSentInAWindow = 0;
  readonly #ledgers: readonly [DiskPullLedger, DiskPullLedger];
  readonly #hub = new RollingWindow(WINDOW_SECONDS, () => this.trueMs);
  readonly #sent = new RollingWindow(WINDOW_SECONDS, () => this.trueMs);
  readonly #events: { readonly atMs: number; readonly happen: () => Promise<void> }[] = [];

  constructor() {
    const upstream = `upstream-${(runs += 1)}`;
    const open = (pid: number) => new DiskPullLedger({ journal, upstream, pid, isAlive: () => true });
    this.#ledgers = [open(1), open(2)];
    this.#ledgers[0].observed(this.#headers());
  }

  async act(action: Action): Promise<void> {
    if (action.type === 'wait') await this.wait(action.ms);
    else if (action.type === 'clock') temporary.clock.advance(action.byMs);
    else if (action.type === 'others') for (let pull = 0; pull < action.count; pull += 1) this.#charge();
    else if (action.type === 'head') this.#travel(action, () => this.#spent() < LIMIT);
    else if (action.type === 'pull') await this.pull(action);
    else this.#pullInLease(action);
  }

  /** How many of them were sent. */
  async pull(
    { process, count, flightMs }: Omit<Pulls, 'type'>,
    payer: Payer = this.#ledgers[process],
  ): Promise<number> {
    for (let sent = 0; sent < count; sent += 1) {
      try {
        await payer.spend(HOST);
      } catch {
        return sent;
      }
      this.#sent.spend('us');
      this.mostSentInAWindow = Math.max(this.mostSentInAWindow, this.#sent.spent('us'));
      this.#travel({ process, flightMs }, () => {
        const isAllowed = this.#charge();
        if (!isAllowed) this.refusedPulls += 1;
        return isAllowed;
      });
    }
    return count;
  }

  async wait(ms: number): Promise<void> {
    const endMs = this.trueMs + ms;
    for (let next = this.#nextEvent(endMs); next !== undefined; next = this.#nextEvent(endMs)) {
      this.#pass(next.atMs - this.trueMs);
      await next.happen();
    }
    this.#pass(endMs - this.trueMs);
  }

  /** A lease is spent after a while, but for one pull that turns out not to be needed. */
  #pullInLease(pulls: Pulls): void {
    const lease = this.#ledgers[pulls.process].lease(pulls.count);
    if (lease === undefined) return;
    this.#after(pulls.flightMs, async () => {
      const sent = await this.pull({ ...pulls, count: pulls.count - 1 }, lease);
      if (sent < pulls.count - 1 && !lease.isPartial) this.brokenLeases += 1;
      lease[Symbol.dispose]();
    });
  }

  /** A request arrives after a while, and its answer after as long again. */
  #travel({ process, flightMs }: { process: 0 | 1; flightMs: number }, arrive: () => boolean): void {
    this.#after(flightMs, async () => {
      const isAllowed = arrive();
      const headers = this.#headers();
      this.#after(flightMs, async () => {
        this.#ledgers[process].observed(headers);
        if (!isAllowed) this.#ledgers[process].refused();
      });
    });
  }

  #charge(): boolean {
    const isAllowed = this.#spent() < LIMIT;
    if (isAllowed) this.#hub.spend('hub');
    return isAllowed;
  }

  #spent(): number {
    return this.#hub.spent('hub');
  }

  #headers() {
    return { limit: LIMIT, remaining: LIMIT - this.#spent(), windowSeconds: WINDOW_SECONDS };
  }

  #after(ms: number, happen: () => Promise<void>): void {
    this.#events.push({ atMs: this.trueMs + ms, happen });
    this.#events.sort((one, other) => one.atMs - other.atMs);
  }

  #nextEvent(untilMs: number) {
    return (this.#events[0]?.atMs ?? Infinity) <= untilMs ? this.#events.shift() : undefined;
  }

  #pass(ms: number): void {
    this.trueMs += ms;
    temporary.clock.advance(ms);
  }
}

const ALL = { process: 0 as const, count: LIMIT + 1, flightMs: 0 };
/** Longer than a window and a request. */
const LONG_MS = 2 * WINDOW_MS;

test('alone, never more than the limit is sent in a window, nothing is refused, and all comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(wait, pull, pull, head), { maxLength: 40 }), async (actions) => {
      const world = new World();
      for (const action of actions) await world.act(action);
      await world.wait(LONG_MS);
      expect(await world.pull(ALL)).toBe(LIMIT);
      expect([world.refusedPulls, world.brokenLeases]).toEqual([0, 0]);
      expect(world.mostSentInAWindow).toBe(LIMIT);
    }),
    { numRuns: 300 },
  );
});

test('a clock that is set back changes nothing of that, but for a window’s wait', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(wait, pull, pull, head, clockBack), { maxLength: 40 }), async (actions) => {
      const world = new World();
      for (const action of actions) await world.act(action);
      await world.wait(LONG_MS);
      await world.pull({ ...ALL, count: 1 });
      await world.wait(LONG_MS);
      expect(await world.pull(ALL)).toBe(LIMIT);
      expect(world.refusedPulls).toBe(0);
      expect(world.mostSentInAWindow).toBeLessThanOrEqual(LIMIT);
    }),
    { numRuns: 300 },
  );
});

test('with others and clocks that jump anywhere, what is sent stays bounded, and work goes on', async () => {
  const action = fc.oneof(wait, pull, pull, head, others, clockBack, clockForth);
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const world = new World();
      for (const action of actions) await world.act(action);
      const jumps = actions.filter((action) => action.type === 'clock' && action.byMs > 0).length;
      expect(world.mostSentInAWindow).toBeLessThanOrEqual(LIMIT * (1 + jumps));
      await world.wait(LONG_MS);
      await world.pull({ ...ALL, count: 1 });
      await world.wait(LONG_MS);
      expect(await world.pull(ALL)).toBe(LIMIT);
    }),
    { numRuns: 300 },
  );
});
