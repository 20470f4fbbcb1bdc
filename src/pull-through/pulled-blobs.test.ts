// What the cache's blobs cost their upstream, who may have them, and who waits for whom.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CacheOptions, type CacheWorld, openCache } from '../../test/support/cache/cache-world.ts';
import { FAULTS, type FaultyHub, NGINX, NGINX_IMAGE, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { type Gate, gate } from '../../test/support/cache/gate.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import { FailingDisk } from '../../test/support/content/failing-disk.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { UndiciSend } from '../app/undici-send.ts';
import { DiskError } from '../database/disk-error.ts';

const CLIENTS = 20;
const HALF = 20_000;
const OTHER = 'library/redis';
const IMAGES = [NGINX_IMAGE, catalogImage('redis')];

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

interface World {
  readonly hub: FaultyHub;
  readonly cache: CacheWorld;
  readonly clock: HeldClock;
  readonly layer: ReturnType<FaultyHub['layer']>;
  /** Of the layer. */
  readonly at: string;
}

async function open(options: Partial<CacheOptions> & { readonly layerBytes?: number } = {}): Promise<World> {
  const clock = new HeldClock();
  const { layerBytes = 2 * HALF, ...more } = options;
  const hub = opened.use(await startFaultyHub({ images: IMAGES, now: () => clock.now(), layerBytes }));
  const cache = opened.use(await openCache({ url: hub.registryUrl, clock, ...more }));
  const layer = hub.layer();
  return { hub, cache, clock, layer, at: `${NGINX}/blobs/${layer.digest}` };
}

/** The CDN stops in the middle of each blob until the gate is opened. */
async function openGated(options: { readonly layerBytes?: number } = {}): Promise<World & { readonly cdn: Gate }> {
  const sockets = opened.use(new UndiciSend());
  const cdn = gate(sockets.send, /^\/registry-v2\//, HALF);
  opened.defer(() => cdn.open());
  return { ...(await open({ ...options, send: cdn.send })), cdn };
}

describe('what it costs', () => {
  test('many clients at once: one GET', async () => {
    const { cache, layer, at } = await open();
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => cache.ask(at)));
    expect(answers.filter(({ body }) => body.equals(layer.bytes))).toHaveLength(CLIENTS);
    expect(cache.sent.summary).toBe('ping, token, GET blob, GET CDN');
  });

  test('what is here: nothing', async () => {
    const { cache, layer, at } = await open();
    await cache.ask(at);
    await expect.poll(() => cache.filling()).toEqual([]);
    cache.sent.clear();
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    expect((await cache.ask(at, { method: 'HEAD' })).status).toBe(200);
    expect(cache.sent.summary).toBe('');
  });

  test('HEAD: a HEAD, and nothing is fetched', async () => {
    const { cache, layer, at } = await open();
    const answer = await cache.ask(at, { method: 'HEAD' });
    expect([answer.status, Number(answer.headers.get('content-length'))]).toEqual([200, layer.bytes.byteLength]);
    expect(cache.sent.summary).toBe('ping, token, HEAD blob, HEAD CDN');
    expect(cache.filling()).toEqual([]);
  });

  test('a part of what is not here: one GET of the whole, as the rest will be asked for, too', async () => {
    const { cache, layer, at } = await open();
    const answer = await cache.ask(at, { headers: { range: 'bytes=100-199' } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([
      206,
      `bytes 100-199/${layer.bytes.byteLength}`,
    ]);
    expect(answer.body.equals(layer.bytes.subarray(100, 200))).toBe(true);
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
    expect(cache.sent.summary).toBe('ping, token, HEAD blob, HEAD CDN, GET blob, GET CDN');
  });

  test.each(['HEAD', 'GET'])('%s of what is not there either: believed for ten seconds', async (method) => {
    const { cache, clock } = await open();
    const missing = `${NGINX}/blobs/sha256:${'0'.repeat(64)}`;
    for (let nth = 0; nth < 3; nth += 1) expect((await cache.ask(missing, { method })).status).toBe(404);
    expect(cache.sent.count(`${method} blob`)).toBe(1);
    clock.advance(10_000);
    expect((await cache.ask(missing, { method })).status).toBe(404);
    expect(cache.sent.count(`${method} blob`)).toBe(2);
  });
});

describe('a repository whose upstream lacks the blob', () => {
  test('does not get it although it is here', async () => {
    const { cache, layer, at } = await open();
    await cache.ask(at);
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`)).status).toBe(404);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`, { method: 'HEAD' })).status).toBe(404);
  });

  test('does not get it while it comes for another', async () => {
    const { cache, layer, at, cdn } = await openGated();
    const whole = cache.ask(at);
    await expect.poll(() => cdn.waiting()).toBe(1);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`)).status).toBe(404);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`, { method: 'HEAD' })).status).toBe(404);
    cdn.open();
    expect((await whole).body.equals(layer.bytes)).toBe(true);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`)).status).toBe(404);
  });

  test('is refused it where its upstream refuses us', async () => {
    const { hub, cache, layer, at } = await open();
    await cache.ask(at);
    hub.misbehave({ path: OTHER }, FAULTS['is 403']);
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`)).status).toBe(403);
  });
});

test('a repository whose upstream has what is here for another gets it for a HEAD', async () => {
  const { hub, cache, layer, at } = await open();
  const bytes = new TextEncoder().encode('{}');
  hub.publish(OTHER, 'same', { bytes, mediaType: 'application/json', blobs: [layer.bytes] });
  await cache.ask(at);
  await expect.poll(() => cache.filling()).toEqual([]);
  cache.sent.clear();
  const other = `${OTHER}/blobs/${layer.digest}`;
  expect((await cache.ask(other)).body.equals(layer.bytes)).toBe(true);
  expect(cache.sent.summary).toBe('token, HEAD blob, HEAD CDN');
  cache.sent.clear();
  expect((await cache.ask(other)).status).toBe(200);
  expect(cache.sent.summary).toBe('');
});

describe('who waits for whom', () => {
  test('the first byte is with the client before the last one has come', async () => {
    const { cache, layer, at, cdn } = await openGated();
    const answer = await fetch(`${cache.url}/v2/${at}`);
    const reader = answer.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(Buffer.from(value ?? '').equals(layer.bytes.subarray(0, value?.byteLength))).toBe(true);
    expect([cdn.waiting(), value?.byteLength]).toEqual([1, HALF]);
    cdn.open();
    while ((await reader?.read())?.done === false);
  });

  test('a client that leaves ends nothing', async () => {
    const { cache, layer, at, cdn } = await openGated();
    const left = new AbortController();
    const leaving = cache.ask(at, { signal: left.signal });
    await expect.poll(() => cdn.waiting()).toBe(1);
    left.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    cdn.open();
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    expect(cache.sent.summary).toBe('ping, token, GET blob, GET CDN');
  });

  test('a client that takes nothing holds up nobody', async () => {
    // More than all that sockets hold for somebody who does not read.
    const { cache, layer, at } = await open({ layerBytes: 16 * 1024 * 1024 });
    const slow = await fetch(`${cache.url}/v2/${at}`);
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
    expect(Buffer.from(await slow.arrayBuffer()).equals(layer.bytes)).toBe(true);
    expect(cache.sent.summary).toBe('ping, token, GET blob, GET CDN');
  });

  test('who comes in the middle gets what is there, and then the rest', async () => {
    const { cache, layer, at, cdn } = await openGated();
    const first = cache.ask(at);
    await expect.poll(() => cdn.waiting()).toBe(1);
    const range = await cache.ask(at, { headers: { range: 'bytes=0-99' } });
    expect(range.body.equals(layer.bytes.subarray(0, 100))).toBe(true);
    const second = cache.ask(at);
    cdn.open();
    expect((await first).body.equals((await second).body)).toBe(true);
    expect(cache.sent.summary).toBe('ping, token, GET blob, GET CDN');
  });
});

describe('a disk that takes nothing more', () => {
  test('does not keep clients from the blob', async () => {
    const { cache, layer, at } = await open();
    using disk = await FailingDisk.install();
    disk.breakDown('open');
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    expect(cache.notKept).not.toEqual([]);
    disk.recover();
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
  });

  test('costs whoever was there his body, and those who come, him too, nothing', async () => {
    const { cache, clock, layer, at } = await open();
    using disk = await FailingDisk.install();
    disk.breakDown('write');
    const first = await cache.ask(at).catch(() => undefined);
    expect(first?.isBroken ?? true).toBe(true);
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    const rest = await cache.ask(at, { headers: { range: 'bytes=30000-' } });
    expect([rest.status, rest.body.equals(layer.bytes.subarray(30_000))]).toEqual([206, true]);
    const middle = await cache.ask(at, { headers: { range: 'bytes=10-29' } });
    expect([middle.status, middle.body.equals(layer.bytes.subarray(10, 30))]).toEqual([206, true]);
    disk.recover();
    clock.advance(5_000);
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    await expect.poll(() => cache.storedBlobs()).toEqual([layer.digest]);
  });

  test('is nothing to whoever reads what has come, though it cannot be stored', async () => {
    const { cache, layer, at } = await open();
    using disk = await FailingDisk.install();
    disk.breakDown('rename');
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
    await expect.poll(() => cache.notKept.length).toBe(1);
    expect(await cache.storedBlobs()).toEqual([]);
    expect((await cache.ask(at)).body.equals(layer.bytes)).toBe(true);
  });

  test('does not keep a repository from what is here for another', async () => {
    const { hub, cache, layer, at } = await open();
    const bytes = new TextEncoder().encode('{}');
    hub.publish(OTHER, 'same', { bytes, mediaType: 'application/json', blobs: [layer.bytes] });
    await cache.ask(at);
    await expect.poll(() => cache.filling()).toEqual([]);
    cache.metadata.addBlob = () => Promise.reject(new DiskError('DISK_FULL', 'the disk is full'));
    expect((await cache.ask(`${OTHER}/blobs/${layer.digest}`)).body.equals(layer.bytes)).toBe(true);
  });
});

test('a client that left before it was its turn leaves no error that nobody hears', async () => {
  const { hub, cache, layer, at } = await open();
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on('unhandledRejection', hear);
  opened.defer(() => void process.off('unhandledRejection', hear));
  await cache.ask(at);
  await expect.poll(() => cache.filling()).toEqual([]);
  hub.misbehave({ path: OTHER }, FAULTS['is 403']);
  const signal = AbortSignal.abort(new Error('left'));
  await expect(cache.repository(OTHER).openBlob(layer.digest, undefined, { signal })).rejects.toThrow('left');
  await expect.poll(() => cache.sent.count('HEAD blob')).toBe(1);
  await expect(cache.repository(OTHER).openBlob(layer.digest, undefined, {})).rejects.toThrow('denies access');
  expect(unheard).toEqual([]);
});
