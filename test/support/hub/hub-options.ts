import type { Fault } from '../origin/faults.ts';
import type { Account } from '../registry/token-service.ts';
import type { HubImage } from './hub-image.ts';

export interface HubAccount extends Account {
  /** Pulls a window; `undefined`: not metered. */
  readonly limit?: number | undefined;
}

export interface HubOptions {
  readonly images: readonly HubImage[];
  /** Anonymous pulls a window for each address; `undefined`: not metered. */
  readonly limit?: number | undefined;
  /** 3600 by default. */
  readonly windowSeconds?: number | undefined;
  readonly accounts?: readonly HubAccount[] | undefined;
  /** Repositories that only accounts may read. */
  readonly privateRepositories?: readonly string[] | undefined;
  /** Requests a minute that an address may send to all but the CDN; `undefined`: any number. */
  readonly abuseLimitPerMinute?: number | undefined;
  /** Requests a minute that an address may send to the web API; 180 by default. */
  readonly apiLimitPerMinute?: number | undefined;
  /** Tags that the catalog does not name; 3 by default. */
  readonly oldTagsPerRepository?: number | undefined;
  /** Compressed; 1 KiB by default. */
  readonly layerBytes?: number | undefined;
  /** Added to every request of all four origins. */
  readonly latencyMs?: number | undefined;
  readonly faults?: readonly Fault[] | undefined;
  /** Milliseconds; all limits and expiries go by it. */
  readonly now?: (() => number) | undefined;
  /** The registry's. */
  readonly port?: number | undefined;
}
