// Docker Hub's pull limit, lived through with a client: what is known of it, and that nothing is asked when none is left.
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { startHub } from '../../test/support/hub/hub.ts';
import type { HubOptions } from '../../test/support/hub/hub-options.ts';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { type Reply, json, scriptedSend } from '../../test/support/client/scripted-send.ts';
import { setHeader, stripHeader } from '../../test/support/origin/fault-actions.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { Network } from './network.ts';
import { ProcessPullLedger } from './pull-ledger.ts';
import { RemoteRegistry } from './remote-registry.ts';

const NGINX = parseRepositoryName('library/nginx');
const LATEST = parseTag('latest');

/** A hub whose time is the client's, and a client of its nginx. */
async function nginxWith(options: Partial<HubOptions>, reserve = 0) {
  await using started = new AsyncDisposableStack();
  const clock = new FakeClock();
  const images = [catalogImage('nginx')];
  const hub = started.use(await startHub({ images, windowSeconds: 3600, now: () => clock.now(), ...options }));
  const net = started.use(openNetwork({ clock }));
  const ledger = new ProcessPullLedger(clock, { reserve });
  const url = new URL(hub.registryUrl);
  const registry = new RemoteRegistry({ name: 'docker.io', url, network: net.network, ledger });
  const repository = registry.repository(NGINX);
  const digest = hub.digestOf(NGINX, LATEST);
  const pull = () => repository.manifest(digest);
  const running = started.move();
  return { hub, clock, ledger, repository, pull, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

describe('the budget', () => {
  test('is known from the first answer, also that of a HEAD', async () => {
    await using nginx = await nginxWith({ limit: 100 });
    expect(nginx.ledger.budget).toBeUndefined();
    await nginx.repository.resolve(LATEST);
    expect(nginx.ledger.budget).toMatchObject({ limit: 100, remaining: 100, windowSeconds: 3600, source: '127.0.0.1' });
    await nginx.pull();
    expect(nginx.ledger.budget?.remaining).toBe(99);
  });

  test('is unknown where nothing is metered', async () => {
    await using nginx = await nginxWith({});
    for (let pull = 0; pull < 3; pull += 1) await nginx.pull();
    expect(nginx.ledger.budget).toBeUndefined();
  });

  test('counts what is in flight, so that many at once do not overdraw it', async () => {
    await using nginx = await nginxWith({ limit: 5 });
    await nginx.repository.resolve(LATEST);
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, nginx.pull));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(nginx.hub.counters).toMatchObject({ manifestGets: 5, refused: 0 });
  });

  test('leaves a reserve to others', async () => {
    await using nginx = await nginxWith({ limit: 5 }, 2);
    await nginx.repository.resolve(LATEST);
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, nginx.pull));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(nginx.hub.counters.manifestGets).toBe(3);
    expect(nginx.ledger.budget?.remaining).toBe(2);
    await nginx.repository.resolve(LATEST);
  });

  test('counts pulls that were repeated', async () => {
    await using nginx = await nginxWith({ limit: 10 });
    await nginx.repository.resolve(LATEST);
    nginx.hub.faults.add({
      when: { kind: 'manifest', method: 'GET', nth: 1 },
      action: setHeader('content-length', '99999'),
    });
    await nginx.pull();
    expect(nginx.ledger.budget?.remaining).toBe(8);
    expect(nginx.hub.counters.manifestGets).toBe(2);
  });
});

describe('when no pulls are left', () => {
  test('the refusal is PULL_LIMIT, quoted, and not repeated', async () => {
    await using nginx = await nginxWith({ limit: 0 });
    await expect(nginx.pull()).rejects.toMatchObject({
      code: 'PULL_LIMIT',
      status: 429,
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ has no pulls left in this window for manifest library\/nginx@sha256:\w+: "You have reached your unauthenticated pull rate limit\. /,
      ) as string,
    });
    expect(nginx.hub.counters.refused).toBe(1);
    expect(nginx.clock.elapsedMs).toBe(0);
  });

  test('the budget says until when, at the latest', async () => {
    await using nginx = await nginxWith({ limit: 0 });
    await expect(nginx.pull()).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    expect(nginx.ledger.budget).toMatchObject({ limit: 0, remaining: 0, resetsByMs: nginx.clock.now() + 3_600_000 });
    await expect(nginx.pull()).rejects.toThrow(
      'has no pulls left for us; the window opens again at the latest at 2026-11-23T11:00:00.000Z',
    );
  });

  test('nothing more is sent in that window, neither GET nor HEAD', async () => {
    await using nginx = await nginxWith({ limit: 2 });
    for (let pull = 0; pull < 2; pull += 1) await nginx.pull();
    await expect(nginx.repository.resolve(LATEST)).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    nginx.hub.resetCounters();
    nginx.clock.advance(3_599_000);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await expect(nginx.pull()).rejects.toMatchObject({ code: 'PULL_LIMIT' });
      await expect(nginx.repository.resolve(LATEST)).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    }
    expect(nginx.hub.counters).toMatchObject({ manifestGets: 0, manifestHeads: 0, refused: 0 });
  });

  test('it is asked again after the window', async () => {
    await using nginx = await nginxWith({ limit: 2 });
    for (let pull = 0; pull < 2; pull += 1) await nginx.pull();
    await expect(nginx.pull()).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    nginx.clock.advance(3_600_000);
    await nginx.pull();
    expect(nginx.ledger.budget?.remaining).toBe(1);
  });

  test('blobs still come', async () => {
    await using nginx = await nginxWith({ limit: 0 });
    await expect(nginx.pull()).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    expect(await nginx.repository.statBlob(digestOf('nothing'))).toBeUndefined();
  });

  test('a refusal without rate headers is remembered too', async () => {
    await using nginx = await nginxWith({ limit: 0 });
    for (const name of ['ratelimit-limit', 'ratelimit-remaining']) {
      nginx.hub.faults.add({ when: { kind: 'manifest' }, action: stripHeader(name) });
    }
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(nginx.pull()).rejects.toMatchObject({ code: 'PULL_LIMIT' });
    }
    expect(nginx.hub.counters.refused).toBe(1);
  });
});

describe('the two kinds of 429', () => {
  const PULLS = { 'ratelimit-limit': '100;w=3600', 'ratelimit-remaining': '0;w=3600' };
  const codeOf = async (reply: Reply) => {
    const { send, requests } = scriptedSend(({ url }) => (url.pathname === '/v2/' ? { status: 200 } : reply));
    const network = new Network({ send, clock: new FakeClock() });
    const registry = new RemoteRegistry({ name: 'r', url: new URL('https://reg.example.com'), network });
    const failure = await registry
      .repository(NGINX)
      .manifest(digestOf('x'))
      .catch((error: unknown) => error);
    return [(failure as { code: string }).code, requests.length - 1];
  };
  const tooMany = (message: string, headers = {}) => {
    const reply = json({ errors: [{ code: 'TOOMANYREQUESTS', message }] }, 429);
    return { ...reply, headers: { ...reply.headers, ...headers } };
  };

  test.each([
    ['the words of the limit, and rate headers', tooMany('You have reached your pull rate limit.', PULLS)],
    ['the words of the limit alone', tooMany('You have reached your unauthenticated pull rate limit. https://…')],
    ['rate headers that say 0', tooMany('too many requests', PULLS)],
  ])('%s mean that the pulls are spent: once is enough', async (_, reply) => {
    expect(await codeOf(reply)).toEqual(['PULL_LIMIT', 1]);
  });

  test.each([
    ['plain text', { status: 429, body: 'Too Many Requests (HAP429)' }],
    ['nothing at all', { status: 429 }],
    ['Amazon’s words', tooMany('Rate exceeded')],
    ['rate headers with pulls left', tooMany('slow down', { ...PULLS, 'ratelimit-remaining': '7;w=3600' })],
  ])('%s means slower: it is asked again', async (_, reply) => {
    expect(await codeOf(reply)).toEqual(['RATE_LIMIT', 6]);
  });
});
