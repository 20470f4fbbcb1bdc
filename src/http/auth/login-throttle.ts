// Who fails to log in waits, longer each time: an address for many minutes, an account only for a while, or anybody could
// keep its owner out. A login that was right a moment ago is not asked about here at all.
import type { Clock } from '../../async/clock.ts';
import { BoundedMap } from './bounded-map.ts';

interface Failures {
  count: number;
  lastMs: number;
}

export interface LoginAttempt {
  readonly account: string;
  readonly address: string;
}

const FREE = 10;
const FIRST_DELAY_MS = 1000;
const LONGEST_MS = { address: 15 * 60_000, account: 30_000 } as const;
/** Whoever has been quiet for so long begins anew. */
const FORGOTTEN_AFTER_MS = 30 * 60_000;
const MAX_REMEMBERED = 20_000;

export class LoginThrottle {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failures = new BoundedMap<string, Failures>(MAX_REMEMBERED);

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** How long nobody may try; 0: now. */
  waitMs({ account, address }: LoginAttempt): number {
    const byAddress = this.#waitMs(addressKey(address), LONGEST_MS.address);
    return Math.max(byAddress, this.#waitMs(accountKey(account), LONGEST_MS.account));
  }

  failed({ account, address }: LoginAttempt): void {
    const nowMs = this.#clock.monotonic();
    for (const key of [addressKey(address), accountKey(account)]) {
      const before = this.#failures.get(key);
      const count = before === undefined || nowMs - before.lastMs > FORGOTTEN_AFTER_MS ? 0 : before.count;
      this.#failures.set(key, { count: count + 1, lastMs: nowMs });
    }
  }

  /** The address may have an account of its own, and still guess at others. */
  succeeded({ account }: LoginAttempt): void {
    this.#failures.delete(accountKey(account));
  }

  #waitMs(key: string, longestMs: number): number {
    const { count = 0, lastMs = 0 } = this.#failures.get(key) ?? {};
    if (count < FREE) return 0;
    const delayMs = Math.min(longestMs, FIRST_DELAY_MS * 2 ** Math.min(count - FREE, 30));
    return Math.max(0, lastMs + delayMs - this.#clock.monotonic());
  }
}

/** A client has all addresses of an IPv6 network of 64 bits. */
function addressKey(address: string): string {
  return `from ${address.includes(':') ? networkOf(address) : address}`;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}

function accountKey(account: string): string {
  return `as ${account.slice(0, 100)}`;
}
