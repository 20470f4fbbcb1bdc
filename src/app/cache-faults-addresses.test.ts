// Server-side request forgery: what an upstream sends us on to may not be inside, by whatever name, and whatever the name
// service says the second time.
import type * as Dns from 'node:dns';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CacheWorld, openCache } from '../../test/support/cache/cache-world.ts';
import { type FaultyHub, NGINX, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import { rewriteHeader } from '../../test/support/origin/fault-actions.ts';

const PUBLIC = '203.0.113.10';
const INSIDE = '127.0.0.1';
const METADATA = '169.254.169.254';

/** What a name leads to when it is connected to. */
const { addresses } = vi.hoisted(() => ({ addresses: new Map<string, readonly string[]>() }));
vi.mock('node:dns', async (original) => {
  const dns = await original<typeof Dns>();
  const lookup = (
    name: string,
    _: unknown,
    callback: (error: Error | null, found: readonly Dns.LookupAddress[]) => void,
  ) => {
    const found = addresses.get(name) ?? [];
    callback(
      null,
      found.map((address) => ({ address, family: 4 })),
    );
  };
  return { ...dns, lookup };
});

let opened: AsyncDisposableStack;
let hub: FaultyHub;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  addresses.clear();
  hub = opened.use(await startFaultyHub());
});
afterEach(() => opened.disposeAsync());

interface Upstream {
  /** What our own look at the name says: whether its registry is a public one. */
  readonly looksLike: string;
  readonly connectsTo: string;
  readonly trustsRealm?: boolean;
}

/** The upstream is known by a name, and may be public or not. */
async function cacheOf({ looksLike, connectsTo, trustsRealm = true }: Upstream): Promise<CacheWorld> {
  addresses.set('registry.test', [connectsTo]);
  const world = await openCache({
    url: hub.registryUrl.replace(INSIDE, 'registry.test'),
    clock: new HeldClock(Date.now()),
    resolveHost: () => Promise.resolve([looksLike]),
    realms: trustsRealm ? [hub.tokenUrl] : [],
  });
  return opened.use(world);
}

const layer = () => `${NGINX}/blobs/${hub.layer().digest}`;

test('a registry of the inside may send us on to the inside', async () => {
  const cache = await cacheOf({ looksLike: INSIDE, connectsTo: INSIDE, trustsRealm: false });
  expect((await cache.ask(layer())).body.equals(hub.layer().bytes)).toBe(true);
});

test('a public registry may not, by an address', async () => {
  const cache = await cacheOf({ looksLike: PUBLIC, connectsTo: INSIDE });
  const answer = await cache.ask(layer());
  expect(answer.status).toBe(502);
  expect(answer.body.toString()).toContain('an internal address that nothing from outside may name');
  expect([hub.counters.blobGets, hub.counters.cdnGets]).toEqual([1, 0]);
  expect(await cache.storedBlobs()).toEqual([]);
});

test('nor by a name that was public when it was looked at, and is inside when it is connected to', async () => {
  const cache = await cacheOf({ looksLike: PUBLIC, connectsTo: INSIDE });
  hub.faults.add({ when: { kind: 'blob' }, action: rewriteHeader('location', INSIDE, 'cdn.test') });
  addresses.set('cdn.test', [INSIDE]);
  const answer = await cache.ask(layer());
  expect(answer.status).toBe(502);
  expect(answer.body.toString()).toMatch(/cdn\.test:\d+ leads to 127\.0\.0\.1, an internal address/);
  expect(hub.counters.cdnGets).toBe(0);
});

test('nor as the place where tokens are to be had', async () => {
  const cache = await cacheOf({ looksLike: PUBLIC, connectsTo: INSIDE, trustsRealm: false });
  const answer = await cache.ask(`${NGINX}/manifests/1.27`);
  expect(answer.status).toBe(502);
  expect(answer.body.toString()).toContain('an internal address that nothing from outside may name');
  expect(hub.counters.tokenRequests).toBe(0);
});

test('an upstream whose own name leads to the metadata of the cloud is not asked, wherever it is', async () => {
  const cache = await cacheOf({ looksLike: PUBLIC, connectsTo: METADATA });
  const answer = await cache.ask(`${NGINX}/manifests/1.27`);
  expect(answer.status).toBe(502);
  expect(answer.body.toString()).toContain(`leads to ${METADATA}`);
});
