// What the cache's manifests cost their upstream, and how old an answer may be.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CacheWorld, FRESH_FOR_MS, STALE_FOR_MS, openCache } from '../../test/support/cache/cache-world.ts';
import { FAULTS, type FaultyHub, NGINX, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import type { HubOptions } from '../../test/support/hub/hub-options.ts';
import { respond } from '../../test/support/origin/fault-actions.ts';

const TAG = `${NGINX}/manifests/1.27`;
const LATEST = `${NGINX}/manifests/latest`;
const HEAD = { method: 'HEAD' };
const NO_CACHE = { headers: { 'cache-control': 'no-cache' } };
const MANIFEST_HEAD = { kind: 'manifest', method: 'HEAD' } as const;
const CLIENTS = 20;

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

interface World {
  readonly hub: FaultyHub;
  readonly cache: CacheWorld;
  readonly clock: HeldClock;
}

async function open(options: Partial<HubOptions> = {}, immutable: readonly string[] = []): Promise<World> {
  const clock = new HeldClock();
  const hub = opened.use(await startFaultyHub({ now: () => clock.now(), ...options }));
  const cache = opened.use(await openCache({ url: hub.registryUrl, clock, immutable }));
  return { hub, cache, clock };
}

async function many<T>(ask: () => Promise<T>): Promise<readonly T[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, ask));
}

describe('what it costs', () => {
  test('many clients at once, for a tag that is not here: one token, one question, one GET', async () => {
    const { hub, cache } = await open();
    const answers = await many(() => cache.ask(TAG));
    expect(answers.filter(({ status, body }) => status === 200 && body.equals(hub.index().bytes))).toHaveLength(
      CLIENTS,
    );
    expect(cache.sent.summary).toBe('ping, token, HEAD manifest, GET manifest');
  });

  test('many clients at once, for a digest that is not here: one HEAD, which tells the budget, and one GET', async () => {
    const { hub, cache } = await open();
    const answers = await many(() => cache.ask(`${NGINX}/manifests/${hub.index().digest}`));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(cache.sent.summary).toBe('ping, token, HEAD manifest, GET manifest');
  });

  test('many clients at once, for a tag whose answer is past its time: one question', async () => {
    const { cache, clock } = await open();
    await cache.ask(TAG);
    clock.advance(FRESH_FOR_MS);
    cache.sent.clear();
    await many(() => cache.ask(TAG));
    expect(cache.sent.summary).toBe('token, HEAD manifest');
  });

  test('a tag that was asked about is not asked about again until its time is over, be it here or not', async () => {
    const { cache, clock } = await open();
    await cache.ask(TAG);
    await cache.ask(LATEST, HEAD);
    cache.sent.clear();
    clock.advance(FRESH_FOR_MS - 1_000);
    expect((await cache.ask(TAG)).status).toBe(200);
    expect((await cache.ask(LATEST, HEAD)).status).toBe(200);
    expect(cache.sent.summary).toBe('');
    clock.advance(2_000);
    await cache.ask(TAG, HEAD);
    expect(cache.sent.summary).toBe('token, HEAD manifest');
  });

  test('HEAD never becomes a GET, and spends no pull', async () => {
    const { hub, cache } = await open({ limit: 1 });
    const { digest, children } = hub.index();
    const [platform] = children;
    expect((await many(() => cache.ask(TAG, HEAD)))[0]?.headers.get('docker-content-digest')).toBe(digest);
    await cache.ask(`${NGINX}/manifests/${platform}`, HEAD);
    expect(cache.sent.summary).toBe('ping, token, HEAD manifest ×2');
    // The one pull is still there.
    expect((await cache.ask(TAG)).status).toBe(200);
    expect(hub.counters.manifestGets).toBe(1);
  });

  test('who asks by HEAD and fetches the digest costs what a tag costs, and the tag is here then', async () => {
    const { hub, cache } = await open();
    const { digest } = hub.index();
    await cache.ask(TAG, HEAD);
    await cache.ask(`${NGINX}/manifests/${digest}`);
    expect(cache.sent.summary).toBe('ping, token, HEAD manifest, GET manifest');
    expect(await cache.stored(NGINX, '1.27')).toBe(digest);
  });

  test('a second tag of what is here costs a HEAD', async () => {
    const { hub, cache } = await open();
    await cache.ask(TAG);
    cache.sent.clear();
    expect((await cache.ask(LATEST)).body.equals(hub.index().bytes)).toBe(true);
    expect(cache.sent.summary).toBe('HEAD manifest');
  });

  test('what is not there is believed for ten seconds, and then asked about again', async () => {
    const { cache, clock } = await open();
    const missing = `${NGINX}/manifests/none`;
    const answers = await many(() => cache.ask(missing));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    clock.advance(9_000);
    await cache.ask(missing);
    expect(cache.sent.count('HEAD manifest')).toBe(1);
    clock.advance(2_000);
    await cache.ask(missing);
    expect(cache.sent.count('HEAD manifest')).toBe(2);
  });

  test('a tag that never moves is asked about once, and when somebody insists', async () => {
    const { cache, clock } = await open({}, ['nginx:1.*']);
    await cache.ask(TAG);
    await cache.ask(LATEST);
    clock.advance(365 * 24 * 3_600_000);
    cache.sent.clear();
    await cache.ask(TAG);
    expect(cache.sent.summary).toBe('');
    await cache.ask(TAG, NO_CACHE);
    await cache.ask(LATEST);
    expect(cache.sent.count('HEAD manifest')).toBe(2);
  });

  test('each answer is counted once, by how it was come by', async () => {
    const { hub, cache, clock } = await open();
    const child = `${NGINX}/manifests/${hub.index().children[0]}`;
    await cache.ask(TAG);
    await cache.ask(TAG);
    await cache.ask(child);
    await cache.ask(child);
    clock.advance(FRESH_FOR_MS);
    await cache.ask(TAG);
    clock.advance(FRESH_FOR_MS);
    hub.misbehave(MANIFEST_HEAD, FAULTS['is 500']);
    await cache.ask(TAG);
    expect(cache.outcomes).toEqual(['miss', 'hit', 'miss', 'hit', 'revalidated', 'stale']);
  });
});

describe('a client that does not want what was known before', () => {
  test('is heard once in ten seconds', async () => {
    const { hub, cache, clock } = await open();
    await cache.ask(TAG);
    hub.rebuild(NGINX, '1.27');
    expect((await cache.ask(TAG, NO_CACHE)).body.equals(hub.index().bytes)).toBe(false);
    clock.advance(10_000);
    expect((await cache.ask(TAG, NO_CACHE)).body.equals(hub.index().bytes)).toBe(true);
    await many(() => cache.ask(TAG, NO_CACHE));
    expect(cache.sent.count('HEAD manifest')).toBe(2);
  });

  test('is not heard while the upstream is not to be asked', async () => {
    const { hub, cache, clock } = await open();
    await cache.ask(TAG);
    hub.misbehave(MANIFEST_HEAD, FAULTS['is 429 for a minute']);
    clock.advance(10_000);
    cache.sent.clear();
    for (let seconds = 0; seconds < 50; seconds += 10) {
      const answer = await cache.ask(TAG, NO_CACHE);
      expect(answer.headers.get('warning')).toContain('110 - ');
      clock.advance(10_000);
    }
    expect(cache.sent.summary).toBe('HEAD manifest');
  });
});

describe('an upstream that wants to be left alone', () => {
  test('is not asked for any tag before the time that it named, and then is', async () => {
    const { hub, cache, clock } = await open();
    hub.faults.add({ when: { ...MANIFEST_HEAD, nth: 1 }, action: FAULTS['is 429 for a minute'] });
    const first = await cache.ask(TAG);
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '60']);
    cache.sent.clear();
    clock.advance(50_000);
    const other = await cache.ask(LATEST);
    expect([other.status, other.headers.get('retry-after')]).toEqual([429, '10']);
    expect(cache.sent.summary).toBe('');
    clock.advance(11_000);
    expect((await cache.ask(LATEST)).status).toBe(200);
  });

  test('a short wait is waited for', async () => {
    const { hub, cache } = await open();
    const brief = respond({ status: 429, headers: { 'retry-after': '2' } });
    hub.faults.add({ when: { ...MANIFEST_HEAD, nth: 1 }, action: brief });
    expect((await cache.ask(TAG)).status).toBe(200);
    expect(cache.sent.summary).toBe('ping, token, HEAD manifest ×2, GET manifest');
  });

  test('without pulls it is not asked by GET nor HEAD; the client is told when there are some again', async () => {
    const { hub, cache, clock } = await open({ limit: 1, windowSeconds: 3_600 });
    const [first, second] = hub.index().children;
    await cache.ask(`${NGINX}/manifests/${first}`);
    cache.sent.clear();
    clock.advance(600_000);
    const refused = await cache.ask(`${NGINX}/manifests/${second}`);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
    expect(Number(refused.headers.get('retry-after'))).toBe(3_000);
    expect((await cache.ask(TAG)).status).toBe(429);
    expect(cache.sent.count('GET manifest') + cache.sent.count('HEAD manifest')).toBe(0);
    clock.advance(3_001_000);
    expect((await cache.ask(`${NGINX}/manifests/${second}`)).status).toBe(200);
  });

  test('pulls that others behind the same address have spent are a 429, too, and the last one that is sent', async () => {
    const { hub, cache } = await open({ limit: 0, windowSeconds: 3_600 });
    const refused = await cache.ask(TAG);
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 3_600]);
    expect((await cache.ask(LATEST)).status).toBe(429);
    expect(hub.counters.refused).toBe(1);
  });
});

describe('what is known of a tag', () => {
  test('gives way to a new digest; what it meant stays, by its digest', async () => {
    const { hub, cache, clock } = await open();
    const old = hub.index();
    await cache.ask(TAG);
    hub.rebuild(NGINX, '1.27');
    clock.advance(FRESH_FOR_MS);
    const moved = await cache.ask(TAG);
    expect(moved.body.equals(hub.index().bytes)).toBe(true);
    expect(moved.headers.has('warning')).toBe(false);
    cache.sent.clear();
    expect((await cache.ask(`${NGINX}/manifests/${old.digest}`)).body.equals(old.bytes)).toBe(true);
    expect(cache.sent.summary).toBe('');
  });

  test('goes with the tag, when its upstream has it no more; its digests stay', async () => {
    const { hub, cache, clock } = await open();
    const { digest } = hub.index();
    await cache.ask(TAG);
    hub.remove(NGINX, '1.27');
    clock.advance(FRESH_FOR_MS);
    expect((await cache.ask(TAG)).status).toBe(404);
    expect(await cache.stored(NGINX, '1.27')).toBeUndefined();
    expect((await cache.ask(`${NGINX}/manifests/${digest}`)).status).toBe(200);
  });

  test('is not given when the upstream refuses us, and the client is told so', async () => {
    const { hub, cache, clock } = await open();
    await cache.ask(TAG);
    clock.advance(FRESH_FOR_MS);
    hub.misbehave(MANIFEST_HEAD, FAULTS['is 403']);
    const refused = await cache.ask(TAG);
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      errors: [
        {
          code: 'DENIED',
          message: expect.stringMatching(/^the upstream refuses this server: 127\.0\.0\.1:\d+ denies/),
        },
      ],
    });
  });

  test('stands in for a silent upstream as long as it may, and then the client is told the truth', async () => {
    const { hub, cache, clock } = await open();
    await cache.ask(TAG);
    hub.misbehave(MANIFEST_HEAD, FAULTS['breaks the connection']);
    clock.advance(STALE_FOR_MS);
    const old = await cache.ask(TAG);
    expect([old.status, Number(old.headers.get('age'))]).toEqual([200, STALE_FOR_MS / 1_000]);
    expect(old.headers.get('warning')).toMatch(/^110 - "127\.0\.0\.1:\d+ broke the connection/);
    clock.advance(60_000);
    expect((await cache.ask(TAG)).status).toBe(502);
    // A digest needs no upstream, however old it is.
    expect((await cache.ask(`${NGINX}/manifests/${hub.index().digest}`)).status).toBe(200);
  });

  test('is asked for no more by a client that has left, and yet comes here for the next', async () => {
    const { hub, cache } = await open();
    const left = new AbortController();
    hub.faults.add({
      when: MANIFEST_HEAD,
      action: async (request, next) => {
        left.abort(new Error('left'));
        return await next(request);
      },
    });
    await expect(cache.ask(TAG, { signal: left.signal })).rejects.toThrow('left');
    await expect.poll(() => cache.sent.count('HEAD manifest')).toBe(1);
    expect((await cache.ask(TAG)).status).toBe(200);
    expect(cache.sent.count('HEAD manifest')).toBe(1);
  });
});

test('what cannot be stored is served all the same', async () => {
  const { hub, cache } = await open();
  cache.metadata.putManifest = () => Promise.reject(new Error('the disk is full'));
  expect((await cache.ask(TAG)).body.equals(hub.index().bytes)).toBe(true);
  expect(cache.notKept).toEqual([new Error('the disk is full')]);
});
