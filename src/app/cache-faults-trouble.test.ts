// Upstreams in trouble for longer, and those that send us on to somebody else.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CacheWorld, openCache } from '../../test/support/cache/cache-world.ts';
import { FAULTS, type FaultyHub, NGINX, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';

let opened: AsyncDisposableStack;
let clock: HeldClock;
let hub: FaultyHub;
let cache: CacheWorld;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  clock = new HeldClock();
  hub = opened.use(await startFaultyHub({ now: () => clock.now() }));
  cache = opened.use(await openCache({ url: hub.registryUrl, clock }));
});
afterEach(() => opened.disposeAsync());

async function codeOf(at: string): Promise<readonly [status: number, code: string, message: string]> {
  const { status, body } = await cache.ask(at);
  const [error] = (JSON.parse(body.toString()) as { errors: { code: string; message: string }[] }).errors;
  return [status, error?.code ?? '', error?.message ?? ''];
}

test.each(['ping', 'manifest'] as const)(
  'one that fails again and again is not said to have asked us to wait: %s',
  async (kind) => {
    hub.misbehave({ kind }, FAULTS['is 500']);
    for (let nth = 0; nth < 8; nth += 1)
      expect((await codeOf(`${NGINX}/manifests/t${nth}`)).slice(0, 2)).toEqual([502, 'UNAVAILABLE']);
    expect((await codeOf(`${NGINX}/manifests/t`))[2]).toMatch(/ has failed again and again/);
    // It is left alone meanwhile.
    cache.sent.clear();
    await codeOf(`${NGINX}/manifests/last`);
    expect(cache.sent.summary).toBe('');
  },
);

test('who it sends us on to is not asked for a login, and does not say where tokens are to be had', async () => {
  hub.misbehave({ kind: 'cdn' }, FAULTS['wants a token from where nobody is']);
  expect((await codeOf(`${NGINX}/blobs/${hub.layer().digest}`)).slice(0, 2)).toEqual([403, 'DENIED']);
  expect(cache.sent.summary).toBe('ping, token, GET blob, GET CDN');
  expect((await cache.ask(`${NGINX}/manifests/1.27`)).status).toBe(200);
});

test('a client is not told of a wrong password where no login was sent', async () => {
  hub.misbehave({ kind: 'manifest' }, FAULTS['is 401']);
  expect((await codeOf(`${NGINX}/manifests/1.27`))[2]).toMatch(
    /^the upstream refuses this server: .* wants a login for/,
  );
});
