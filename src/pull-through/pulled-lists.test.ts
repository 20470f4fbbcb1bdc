import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CacheWorld, FRESH_FOR_MS, openCache } from '../../test/support/cache/cache-world.ts';
import { FAULTS, type FaultyHub, NGINX, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import { jsonAnswer } from '../../test/support/origin/answer.ts';

const TAGS = `${NGINX}/tags/list`;
const TAG_LIST = { kind: 'tags' } as const;

let clock: HeldClock;
let hub: FaultyHub;
let cache: CacheWorld;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  clock = new HeldClock();
  hub = opened.use(await startFaultyHub({ now: () => clock.now() }));
  cache = opened.use(await openCache({ url: hub.registryUrl, clock }));
});
afterEach(() => opened.disposeAsync());

async function tags(): Promise<unknown> {
  return JSON.parse((await cache.ask(TAGS)).body.toString());
}

test('many clients at once cost one list, and none while it is fresh', async () => {
  const lists = await Promise.all(Array.from({ length: 20 }, tags));
  expect(lists[19]).toEqual({ name: NGINX, tags: ['1.27', 'latest'] });
  clock.advance(FRESH_FOR_MS - 1);
  await tags();
  expect(cache.sent.summary).toBe('ping, token, GET tags');
  clock.advance(1);
  await tags();
  expect(cache.sent.count('GET tags')).toBe(2);
});

test('where the upstream gives none, and never has, there are the tags that are here', async () => {
  await cache.ask(`${NGINX}/manifests/latest`);
  hub.misbehave(TAG_LIST, FAULTS['is 500']);
  expect(await tags()).toEqual({ name: NGINX, tags: ['latest'] });
});

test('an upstream that refuses us is not stood in for', async () => {
  await tags();
  hub.misbehave(TAG_LIST, FAULTS['is 403']);
  clock.advance(FRESH_FOR_MS);
  expect(await tags()).toMatchObject({ errors: [{ code: 'DENIED' }] });
  hub.faults.clear();
  hub.misbehave(TAG_LIST, FAULTS['is 500']);
  clock.advance(60_000);
  expect((await cache.ask(TAGS)).status).toBe(502);
});

test('a list without end is read for five seconds, and no more of it is asked for then', async () => {
  let pages = 0;
  hub.faults.add({
    when: TAG_LIST,
    action: async ({ path }) => {
      pages += 1;
      // Each is a second's work.
      clock.advance(1_000);
      return jsonAnswer(200, { name: NGINX, tags: [`t${pages}`] }, { link: `<${path}?last=t${pages}>; rel="next"` });
    },
  });
  expect((await cache.ask(TAGS)).status).toBe(504);
  expect(pages).toBe(5);
});

test('referrers are those that are here, where the upstream tells of none: which may be none', async () => {
  hub.misbehave({ path: '/referrers/' }, FAULTS.hangs);
  const answer = cache.ask(`${NGINX}/referrers/${hub.index().digest}`);
  await expect.poll(() => hub.hanging()).toBe(1);
  const { answer: referrers, tookMs } = await clock.passUntil(answer);
  expect(JSON.parse(referrers.body.toString())).toMatchObject({ manifests: [] });
  expect(tookMs).toBeLessThanOrEqual(6_000);
});
