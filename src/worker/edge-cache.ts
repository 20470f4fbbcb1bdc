// What a data centre remembers of the upstreams. The Cache API may forget anything at any time, and so may a request that
// has no subrequest left for it: then the upstream is asked.
import { readAll } from '../streams/read-all.ts';
import type { CacheStore, RequestContext } from './platform.ts';
import type { Subrequests } from './subrequests.ts';

export interface EdgeCacheOptions {
  readonly store: CacheStore;
  readonly subrequests: Subrequests;
  readonly context: RequestContext;
  /** Whose answers they are: another upstream, or the same one elsewhere, shares none of them. */
  readonly owner: string;
}

export interface CachedBytes {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** Of the form of what is kept, so that a new edition does not read what an old one wrote. */
const FORMAT = 'v1';
const MAX_BYTES = 4 * 1024 * 1024;
const LONGEST_SECONDS = 365 * 24 * 3600;

export class EdgeCache {
  readonly #options: EdgeCacheOptions;

  constructor(options: EdgeCacheOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<CachedBytes | undefined> {
    const { store, subrequests } = this.#options;
    if (!subrequests.tryTake()) return undefined;
    try {
      const found = await store.match(this.#urlOf(key));
      if (found?.body === undefined || found.body === null) return undefined;
      const bytes = await readAll(found.body, MAX_BYTES);
      return { bytes, mediaType: found.headers.get('content-type') ?? '' };
    } catch {
      return undefined;
    }
  }

  /** In the background: the client does not wait for it. */
  keep(key: string, { bytes, mediaType }: CachedBytes, forMs: number): void {
    const { store, subrequests, context } = this.#options;
    const seconds = Math.min(Math.floor(forMs / 1000), LONGEST_SECONDS);
    if (seconds < 1 || !subrequests.tryTake()) return;
    const headers = { 'content-type': mediaType, 'cache-control': `public, max-age=${seconds}` };
    context.waitUntil(
      store.put(this.#urlOf(key), new Response(bytes as Uint8Array<ArrayBuffer>, { headers })).catch(() => undefined),
    );
  }

  // No host that exists: nobody can ask for it from outside.
  #urlOf(key: string): string {
    return `https://cache.local/${FORMAT}/${encodeURIComponent(this.#options.owner)}/${key}`;
  }
}
