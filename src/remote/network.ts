import type { Clock } from '../async/clock.ts';
import type { ResolveHost } from './foreign-reach.ts';
import { Origin } from './origin.ts';
import type { Send } from './send.ts';
import { SourceHealth } from './source-health.ts';

export interface NetworkOptions {
  readonly send: Send;
  readonly clock: Clock;
  /** The system's name service; without it only addresses are known, and every name counts as public. */
  readonly resolveHost?: ResolveHost | undefined;
  /** Requests a second that an origin's host allows; by host name, with its port if it is not the default. */
  readonly rates?: ReadonlyMap<string, number> | undefined;
}

/** Redirects name origins without end if they like; the records of the oldest are forgotten. */
const MAX_ORIGINS = 1000;

/** Every origin of the process, each with the one record of its health that all who use it share. */
export class Network {
  readonly clock: Clock;
  readonly resolveHost: ResolveHost;
  readonly #send: Send;
  readonly #rates: ReadonlyMap<string, number>;
  readonly #origins = new Map<string, Origin>();

  constructor({ send, clock, resolveHost, rates = new Map() }: NetworkOptions) {
    this.#send = send;
    this.clock = clock;
    this.resolveHost = resolveHost ?? (() => Promise.resolve([]));
    this.#rates = rates;
  }

  origin(url: URL): Origin {
    const known = this.#origins.get(url.origin);
    if (known !== undefined) return known;
    const health = new SourceHealth({ clock: this.clock, ratePerSecond: this.#rates.get(url.host) });
    const origin = new Origin({ host: url.host, health, send: this.#send, clock: this.clock });
    const oldest = this.#origins.keys().next().value;
    if (this.#origins.size >= MAX_ORIGINS && oldest !== undefined) this.#origins.delete(oldest);
    this.#origins.set(url.origin, origin);
    return origin;
  }
}
