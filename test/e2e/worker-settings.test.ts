// What the owner of a Worker decides: who may use it, where blobs come from, and how much one request may ask for.
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { type FaultyHub, NGINX_IMAGE, startFaultyHub } from '../support/cache/faulty-hub.ts';
import { image, store } from '../support/image-graph.ts';
import { corruptAt, redirectTo, respond, stripHeader } from '../support/origin/fault-actions.ts';
import { recordRequests } from '../support/origin/record-requests.ts';
import type { Request } from '../support/origin/request.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { digestBySkopeo, pullBySkopeo } from '../support/programs/skopeo.ts';
import { until } from '../support/programs/until.ts';
import { type RunningWorker, startWorker } from '../support/programs/worker.ts';
import type { Bindings } from '../support/programs/wrangler-settings.ts';
import { startRegistry } from '../support/registry/registry.ts';
import { ask, codeIn } from '../worker/ask.ts';

const SECRET = 'k3kf82hfk2lx9s0d';
const ACCOUNT = { username: 'ada', password: 'pass:word' };

interface World extends AsyncDisposable {
  readonly hub: FaultyHub;
  readonly worker: RunningWorker;
  /** All that the hub was asked for. */
  readonly requests: readonly Request[];
}

/** A Worker before a Docker Hub of ours. */
async function openWorld(bindings: Bindings = {}, settings: object = {}): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const privateRepositories = ['library/private'];
  const images = [NGINX_IMAGE, { ...NGINX_IMAGE, repository: privateRepositories[0] as never, name: 'private' }];
  const hub = opened.use(await startFaultyHub({ images, accounts: [ACCOUNT], privateRepositories }));
  const requests = recordRequests(hub);
  const upstream = { url: hub.registryUrl, realms: [hub.tokenUrl], ...settings };
  const worker = opened.use(await startWorker({ UPSTREAMS: { 'docker.io': upstream }, ...bindings }));
  const running = opened.move();
  return { hub, worker, requests, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

describe('who may use it', () => {
  test('with a shared secret: those whose paths have it, and what they are led to has it, too', async () => {
    await using world = await openWorld({ SHARED_SECRET: SECRET });
    const { host } = world.worker;
    for (const path of [
      '/v2/nginx/manifests/1.27',
      '/v2/nginx/tags/list',
      `/${SECRET.slice(1)}x/v2/nginx/manifests/1.27`,
      `/v2/${'a'.repeat(16)}/nginx/manifests/1.27`,
      `/${SECRET.toUpperCase()}/v2/nginx/manifests/1.27`,
    ]) {
      const got = await ask(host, path);
      expect([path, got.status, codeIn(got)]).toEqual([path, 403, 'DENIED']);
    }
    expect(world.requests).toEqual([]);
    expect((await ask(host, '/v2/')).status).toBe(200);
    for (const [path, next] of [
      [`/${SECRET}/v2/nginx/tags/list?n=1`, `</${SECRET}/v2/nginx/tags/list?last=1.27&n=1>; rel="next"`],
      [`/v2/${SECRET}/nginx/tags/list?n=1`, `</v2/${SECRET}/nginx/tags/list?last=1.27&n=1>; rel="next"`],
      [
        `/${SECRET}/docker.io/v2/nginx/tags/list?n=1`,
        `</${SECRET}/docker.io/v2/nginx/tags/list?last=1.27&n=1>; rel="next"`,
      ],
    ] as const) {
      expect(await ask(host, path)).toMatchObject({ status: 200, headers: { link: next } });
    }
  });

  test('with a login: those who know it, after a challenge', async () => {
    await using world = await openWorld({ BASIC_LOGIN: 'ada:pass:word' });
    const { host } = world.worker;
    const basic = (login: string) => ({ headers: { authorization: `Basic ${btoa(login)}` } });
    for (const asked of [{}, basic('ada:wrong'), basic('ada:pass'), { headers: { authorization: 'Bearer x' } }]) {
      const got = await ask(host, '/v2/', asked);
      expect([got.status, codeIn(got)]).toEqual([401, 'UNAUTHORIZED']);
      expect(got.headers['www-authenticate']).toMatch(/^Basic realm=/);
    }
    expect((await ask(host, '/v2/nginx/manifests/1.27', basic('ada:pass:word'))).status).toBe(200);
  });

  test('what only its own login may read is for those who know a secret, unless it is open to all by configuration', async () => {
    const credentials = { username: '${HUB_USER}', password: '${HUB_TOKEN}' };
    const secrets = { HUB_USER: ACCOUNT.username, HUB_TOKEN: ACCOUNT.password };
    const path = '/v2/private/manifests/1.27';
    await using open = await openWorld(secrets, { credentials });
    expect((await ask(open.worker.host, '/v2/nginx/manifests/1.27')).status).toBe(200);
    const refused = await ask(open.worker.host, path);
    expect([refused.status, codeIn(refused)]).toEqual([403, 'DENIED']);
    await using guarded = await openWorld({ ...secrets, SHARED_SECRET: SECRET }, { credentials });
    expect((await ask(guarded.worker.host, `/${SECRET}${path}`)).status).toBe(200);
    await using shared = await openWorld(secrets, { credentials, public: true });
    expect((await ask(shared.worker.host, path)).status).toBe(200);
  });
});

/** What is remembered is written after the answer: asked for again and again, it is at last given without a request. */
async function untilRemembered({ worker, requests }: World, path: string, status: number): Promise<void> {
  await until(async () => {
    const before = requests.length;
    expect((await ask(worker.host, path)).status).toBe(status);
    return requests.length === before;
  });
}

describe('what the data centre remembers', () => {
  test('a tag for a while, a manifest by its digest, and an isolate its token', async () => {
    await using world = await openWorld();
    await untilRemembered(world, '/v2/nginx/manifests/1.27', 200);
    await untilRemembered(world, `/v2/nginx/manifests/${world.hub.index().digest}`, 200);
    for (const method of ['GET', 'HEAD', 'GET']) {
      const got = await ask(world.worker.host, `/v2/nginx/blobs/${world.hub.layer().digest}`, { method });
      expect(got.status).toBe(200);
    }
    expect(world.hub.counters.tokenRequests).toBe(1);
  });

  test('for a moment, that there is no such tag', async () => {
    await using world = await openWorld();
    await untilRemembered(world, '/v2/nginx/manifests/none', 404);
  });

  test('for a moment, that the upstream wants patience', async () => {
    await using world = await openWorld();
    const action = respond({ status: 429, headers: { 'retry-after': '60' } });
    world.hub.misbehave({ kind: 'manifest' }, action);
    await untilRemembered(world, '/v2/nginx/manifests/1.27', 429);
  });
});

describe('where blobs come from', () => {
  test('with BLOBS=redirect the client is sent to where they are', async () => {
    await using world = await openWorld({ BLOBS: 'redirect' });
    const layer = world.hub.layer();
    const path = `/v2/nginx/blobs/${layer.digest}`;
    const got = await ask(world.worker.host, path);
    expect(got.status).toBe(307);
    const location = new URL(String(got.headers.location));
    expect(location.origin).toBe(new URL(world.hub.cdnUrl).origin);
    expect(digestOf(new Uint8Array(await (await fetch(location)).arrayBuffer()))).toBe(layer.digest);
    expect(world.hub.counters.cdnGets).toBe(1);
    world.hub.misbehave({ kind: 'blob', method: 'GET' }, redirectTo('http://169.254.169.254/latest/meta-data/'));
    expect(await ask(world.worker.host, path)).toMatchObject({ status: 502 });
  });

  test('with VERIFY_BLOBS a wrong one never comes to its end, and a part comes from the authority alone', async () => {
    await using mirror = await startFaultyHub();
    const mirrors = [{ url: mirror.registryUrl, for: ['blobs'] }];
    await using world = await openWorld({ VERIFY_BLOBS: true }, { mirrors });
    const layer = world.hub.layer();
    const path = `/v2/nginx/blobs/${layer.digest}`;
    const part = await ask(world.worker.host, path, { headers: { range: 'bytes=5-14' } });
    expect(part).toMatchObject({ status: 206, body: Buffer.from(layer.bytes.subarray(5, 15)) });
    expect(mirror.counters.blobGets).toBe(0);
    expect(await ask(world.worker.host, path)).toMatchObject({ status: 200, isBroken: false });
    expect(mirror.counters.blobGets).toBe(1);
    mirror.misbehave({ kind: 'cdn' }, corruptAt(100));
    const wrong = await ask(world.worker.host, path);
    expect(wrong.isBroken).toBe(true);
    expect(wrong.body.byteLength).toBeLessThan(layer.bytes.byteLength);
    // It was found out, and is asked no more.
    expect(await ask(world.worker.host, path)).toMatchObject({ status: 200, isBroken: false });
    expect(mirror.counters.blobGets).toBe(2);
  });

  test('of a server that sends the whole for a Range, the part', async () => {
    await using world = await openWorld();
    const layer = world.hub.layer();
    world.hub.faults.add({
      when: { kind: 'cdn' },
      action: (request, next) => next({ ...request, headers: { ...request.headers, range: undefined } }),
    });
    const got = await ask(world.worker.host, `/v2/nginx/blobs/${layer.digest}`, { headers: { range: 'bytes=9-18' } });
    expect(got).toMatchObject({ status: 206, isBroken: false, body: Buffer.from(layer.bytes.subarray(9, 19)) });
  });

  test('one whose length nobody tells is refused, and not buffered', async () => {
    await using world = await openWorld();
    world.hub.misbehave({ kind: 'cdn' }, stripHeader('content-length'));
    const got = await ask(world.worker.host, `/v2/nginx/blobs/${world.hub.layer().digest}`);
    expect([got.status, codeIn(got)]).toEqual([502, 'UNAVAILABLE']);
  });
});

test('a list of more pages than a request may ask for is refused, and no more is asked', async () => {
  await using registry = await startRegistry();
  store(registry, 'team/app', image('app'), '1');
  let page = 0;
  registry.faults.add({
    when: { kind: 'tags' },
    action: async () => {
      page += 1;
      const body = JSON.stringify({ name: 'team/app', tags: [`t${page}`] });
      const link = `</v2/team/app/tags/list?n=1&last=t${page}>; rel="next"`;
      const headers = { 'content-type': 'application/json', link };
      return await respond({ status: 200, headers, body })({} as never, undefined as never);
    },
  });
  const requests = recordRequests(registry);
  const UPSTREAMS = { 'reg.test': { url: registry.url } };
  await using worker = await startWorker({ UPSTREAMS, MAX_SUBREQUESTS: 12 });
  const got = await ask(worker.host, '/v2/reg.test/team/app/tags/list');
  expect([got.status, codeIn(got)]).toEqual([503, 'UNAVAILABLE']);
  expect(got.body.toString()).toContain('MAX_SUBREQUESTS');
  expect(requests.length).toBeLessThanOrEqual(12);
});

test('one that is not configured serves nothing, and its log says why', async () => {
  await using worker = await startWorker({ UPSTREAMS: '{"docker.io": {"ulr": "x"}}', SHARED_SECRET: 'short' });
  const got = await ask(worker.host, '/v2/nginx/manifests/1.27');
  expect([got.status, codeIn(got)]).toEqual([503, 'UNAVAILABLE']);
  expect(got.body.toString()).not.toContain('SHARED_SECRET');
  await until(async () => worker.log.some((line) => line.includes('SHARED_SECRET: expected 16 or more')));
});

const missing = missingPrograms('skopeo');

describe.skipIf(missing !== undefined)(`skopeo${skipNote(missing)}`, () => {
  test('pulls all platforms of an image through a Worker, and its digest is that of the authority', async () => {
    await using hub = await startFaultyHub();
    const UPSTREAMS = { 'docker.io': { url: hub.registryUrl } };
    await using worker = await startWorker({ UPSTREAMS, SHARED_SECRET: SECRET }, { https: true });
    const reference = `${worker.host}/${SECRET}/library/nginx:1.27`;
    await pullBySkopeo(reference);
    expect(await digestBySkopeo(reference)).toBe(hub.index().digest);
  });
});
