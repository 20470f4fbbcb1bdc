import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { digestOf } from '../oci/digest.ts';
import { parseTag } from '../oci/reference.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { EdgeCache } from './edge-cache.ts';
import type { CacheStore } from './platform.ts';
import { Subrequests } from './subrequests.ts';
import { TagMeanings } from './tag-meanings.ts';

const TAG = parseTag('1');
const FRESH_FOR_MS = 60_000;
const STALE_FOR_MS = 3_600_000;
const ONE = { digest: digestOf('one'), mediaType: 'application/vnd.oci.image.index.v1+json', size: 3 };
const OTHER = { ...ONE, digest: digestOf('other') };
const BUSY = new RemoteError('hub', 'RATE_LIMIT', 'is busy', { status: 429, retryAfterMs: 20_000 });
const GONE = new RemoteError('hub', 'MANIFEST_UNKNOWN', 'has no such manifest', { status: 404 });
const DENIED = new RemoteError('hub', 'DENIED', 'denies it', { status: 403 });

/** A cache that forgets nothing, as long as it may. */
class MemoryStore implements CacheStore {
  readonly kept = new Map<string, Response>();

  async match(url: string): Promise<Response | undefined> {
    return this.kept.get(url)?.clone();
  }

  async put(url: string, response: Response): Promise<void> {
    this.kept.set(url, response);
  }
}

function openWorld({ freshForMs = FRESH_FOR_MS, store = new MemoryStore(), limit = 1000 } = {}) {
  const clock = new FakeClock();
  const world = { clock, asked: 0, says: ONE as typeof ONE | Error, tags: undefined as unknown as TagMeanings };
  const context = { waitUntil: () => undefined };
  const cache = new EdgeCache({ store, subrequests: new Subrequests(limit), context, owner: 'hub' });
  const resolve = async () => {
    world.asked += 1;
    if (world.says instanceof Error) throw world.says;
    return { descriptor: world.says, asOf: new Date(clock.now()) };
  };
  const policy = { freshForMs, staleForMs: STALE_FOR_MS, isImmutable: () => false };
  world.tags = new TagMeanings({ authority: { resolve }, cache, clock, policy, pullsBackInMs: () => undefined });
  return world;
}

test('while it is fresh, a tag is not asked about again; then it is', async () => {
  const world = openWorld();
  expect(await world.tags.resolve(TAG, {})).toEqual(ONE);
  world.says = OTHER;
  world.clock.advance(FRESH_FOR_MS - 1);
  expect(await world.tags.resolve(TAG, {})).toEqual(ONE);
  world.clock.advance(1);
  expect(await world.tags.resolve(TAG, {})).toEqual(OTHER);
  expect(world.asked).toBe(2);
});

test('who insists is heard, but not every second', async () => {
  const world = openWorld();
  await world.tags.resolve(TAG, {});
  world.says = OTHER;
  expect(await world.tags.resolve(TAG, { isInsistent: true })).toEqual(ONE);
  world.clock.advance(10_000);
  expect(await world.tags.resolve(TAG, { isInsistent: true })).toEqual(OTHER);
});

test('an authority that gives no answer is stood in for, with a warning, and left alone as it wished', async () => {
  const world = openWorld();
  await world.tags.resolve(TAG, {});
  world.clock.advance(FRESH_FOR_MS);
  world.says = BUSY;
  const stale = { ageMs: FRESH_FOR_MS, reason: 'hub is busy' };
  expect(await world.tags.resolve(TAG, {})).toEqual({ ...ONE, stale });
  world.clock.advance(19_999);
  expect(await world.tags.resolve(TAG, {})).toMatchObject({ stale: { ageMs: FRESH_FOR_MS + 19_999 } });
  expect(world.asked).toBe(2);
  world.says = OTHER;
  world.clock.advance(1);
  expect(await world.tags.resolve(TAG, {})).toEqual(OTHER);
});

test('for longer than staleFor it is not', async () => {
  const world = openWorld();
  await world.tags.resolve(TAG, {});
  world.clock.advance(STALE_FOR_MS + 1);
  world.says = BUSY;
  await expect(world.tags.resolve(TAG, {})).rejects.toMatchObject({ kind: 'limited', retryAfterMs: 20_000 });
  world.clock.advance(5_000);
  await expect(world.tags.resolve(TAG, {})).rejects.toMatchObject({ kind: 'limited', retryAfterMs: 15_000 });
  expect(world.asked).toBe(2);
});

test('a tag that is gone at the authority is gone, and may come back', async () => {
  const world = openWorld();
  await world.tags.resolve(TAG, {});
  world.clock.advance(FRESH_FOR_MS);
  world.says = GONE;
  for (let asked = 0; asked < 3; asked += 1) {
    await expect(world.tags.resolve(TAG, {})).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  }
  expect(world.asked).toBe(2);
  world.says = OTHER;
  world.clock.advance(10_000);
  expect(await world.tags.resolve(TAG, {})).toEqual(OTHER);
});

test('a refusal of us is final, and nothing older is served', async () => {
  const world = openWorld();
  await world.tags.resolve(TAG, {});
  world.clock.advance(FRESH_FOR_MS);
  world.says = DENIED;
  await expect(world.tags.resolve(TAG, {})).rejects.toMatchObject({ code: 'DENIED' });
  world.says = ONE;
  expect(await world.tags.resolve(TAG, {})).toEqual(ONE);
});

test('with freshFor 0s the authority is asked each time, after failures too', async () => {
  const world = openWorld({ freshForMs: 0 });
  for (const says of [ONE, BUSY, ONE, GONE, ONE]) {
    world.says = says;
    await world.tags.resolve(TAG, {}).catch(() => undefined);
  }
  expect(world.asked).toBe(5);
});

test('what is kept may be anything, or nothing, and a request without subrequests asks the authority all the same', async () => {
  const store = new MemoryStore();
  store.match = async () => new Response('{"meaning":{"digest":"sha256:x"}}');
  expect(await openWorld({ store }).tags.resolve(TAG, {})).toEqual(ONE);
  store.match = () => Promise.reject(new Error('the cache is broken'));
  expect(await openWorld({ store }).tags.resolve(TAG, {})).toEqual(ONE);
  expect(await openWorld({ limit: 0 }).tags.resolve(TAG, {})).toEqual(ONE);
});
