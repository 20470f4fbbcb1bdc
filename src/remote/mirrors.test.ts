// Content by digest from whoever has it: what a mirror can do for an upstream, and what it cannot do to it.
import { describe, expect, test } from 'vitest';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { corruptAt, html, refuse, resetAt, respond, truncateAt } from '../../test/support/origin/fault-actions.ts';
import type { FaultAction } from '../../test/support/origin/faults.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { Source } from '../oci/repository.ts';
import { readAll } from '../streams/read-all.ts';
import { Mirror } from './mirror.ts';
import { RemoteRegistry } from './remote-registry.ts';
import { Upstream } from './upstream.ts';

const NGINX = parseRepositoryName('library/nginx');
const PRIVATE = parseRepositoryName('team/secret');
const IMAGES = [catalogImage('nginx', ['1']), catalogImage('team/secret', ['1'])];
const LAYER_BYTES = 300_000;

interface WorldOptions {
  readonly for?: readonly ('manifests' | 'blobs')[];
  readonly repositories?: readonly string[];
  readonly login?: boolean;
}

/** An upstream and two mirrors of it, all with the same content to the byte. */
async function world(options: WorldOptions = {}) {
  await using started = new AsyncDisposableStack();
  const hubOptions = { images: IMAGES, layerBytes: LAYER_BYTES };
  const account = { username: 'ada', password: 'canary' };
  const origin = started.use(await startHub({ ...hubOptions, accounts: [account], privateRepositories: [PRIVATE] }));
  const hubs = [started.use(await startHub(hubOptions)), started.use(await startHub(hubOptions))] as const;
  const { network } = started.use(openNetwork({ clock: new FakeClock(), deadlineMs: 500 }));
  const registryAt = (hub: Hub, name: string, login = false) =>
    new RemoteRegistry({
      name,
      url: new URL(hub.registryUrl),
      network,
      realms: [hub.tokenUrl],
      credentials: () => Promise.resolve(login ? account : undefined),
    });
  const mirrors = hubs.map((hub, index) => {
    const { repositories = ['**'], for: content = ['manifests', 'blobs'] } = options;
    const registry = registryAt(hub, `mirror ${index}`);
    return new Mirror({
      registry,
      template: '{repository}',
      repositories: repositories.map(parsePattern),
      for: content,
    });
  });
  const upstream = new Upstream({
    name: 'docker.io',
    registry: registryAt(origin, 'docker.io', options.login),
    anonymous: registryAt(origin, 'docker.io'),
    mirrors,
  });
  const running = started.move();
  return { origin, hubs, upstream, mirrors, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function blobOf(source: Source, index: Digest): Promise<{ digest: Digest; size: number }> {
  const children = readManifest((await source.manifest(index)).bytes).content;
  const first = children.kind === 'index' ? children.manifests[0] : undefined;
  if (first === undefined) throw new Error('the image has no child');
  const { content } = readManifest((await source.manifest(first.digest)).bytes);
  const layer = content.kind === 'image' ? content.layers.at(-1) : undefined;
  if (layer === undefined) throw new Error('the image has no layer');
  return layer;
}

async function read(source: Source, { digest, size }: { digest: Digest; size: number }): Promise<Digest> {
  const { body } = await source.blob(digest, { sizeBytes: size });
  return digestOf(await readAll(body, 10_000_000));
}

const onManifests = (action: FaultAction) => ({ when: { kind: 'manifest' as const }, action });
const onBlobs = (action: FaultAction) => ({ when: { kind: 'cdn' as const }, action });

describe('manifests', () => {
  test('come from the first mirror, and the authority is not asked', async () => {
    await using it = await world();
    const digest = it.origin.digestOf(NGINX, '1');
    expect((await it.upstream.repository(NGINX).manifest(digest)).digest).toBe(digest);
    expect([it.origin, ...it.hubs].map(({ counters }) => counters.manifestGets)).toEqual([0, 1, 0]);
  });

  test.each([
    ['lacks it', refuse('MANIFEST_UNKNOWN')],
    ['is down', respond({ status: 503 })],
    ['refuses us', respond({ status: 429, body: 'slow down' })],
    ['shows a web page', html()],
    ['hands out other bytes', corruptAt(10)],
    ['breaks off', truncateAt(100)],
  ])('come from the next when a mirror %s, and last from the authority', async (_, action) => {
    await using it = await world();
    it.hubs[0].faults.add(onManifests(action));
    const source = it.upstream.repository(NGINX);
    const digest = it.origin.digestOf(NGINX, '1');
    expect((await source.manifest(digest)).digest).toBe(digest);
    expect(it.origin.counters.manifestGets).toBe(0);
    it.hubs[1].faults.add(onManifests(action));
    expect((await source.manifest(digest)).digest).toBe(digest);
    expect(it.origin.counters.manifestGets).toBe(1);
  });

  test('are never asked for by tag at a mirror', async () => {
    await using it = await world();
    const meaning = await it.upstream.repository(NGINX).resolve(IMAGES[0]!.tags[0]!);
    expect(meaning.descriptor.digest).toBe(it.origin.digestOf(NGINX, '1'));
    expect(it.hubs.map(({ counters }) => counters.manifestHeads)).toEqual([0, 0]);
  });
});

test('a mirror that is caught lying is asked no more, and the proof is kept', async () => {
  await using it = await world();
  it.hubs[0].faults.add(onManifests(corruptAt(10)));
  const source = it.upstream.repository(NGINX);
  const digest = it.origin.digestOf(NGINX, '1');
  await source.manifest(digest);
  await source.manifest(digest);
  expect(it.hubs.map(({ counters }) => counters.manifestGets)).toEqual([1, 2]);
  expect(it.mirrors[0]?.lie).toMatchObject({ digest, proof: expect.stringContaining('hash to') });
  expect(it.mirrors[1]?.lie).toBeUndefined();
});

describe('blobs', () => {
  test('come from a mirror for blobs, and else from the authority before a mirror for manifests', async () => {
    await using it = await world({ for: ['manifests'] });
    const source = it.upstream.repository(NGINX);
    const layer = await blobOf(source, it.origin.digestOf(NGINX, '1'));
    expect(await read(source, layer)).toBe(layer.digest);
    expect([it.origin, ...it.hubs].map(({ counters }) => counters.blobGets)).toEqual([1, 0, 0]);
    it.origin.faults.add({ when: { kind: 'blob' }, action: refuse('BLOB_UNKNOWN') });
    expect(await read(source, layer)).toBe(layer.digest);
    expect(it.hubs.map(({ counters }) => counters.blobGets)).toEqual([1, 0]);
  });

  test.each([
    ['is reset', resetAt(150_000)],
    ['is cut short', truncateAt(150_000)],
  ])('go on at the same byte from the next source when one %s', async (_, action) => {
    await using it = await world();
    const source = it.upstream.repository(NGINX);
    const layer = await blobOf(source, it.origin.digestOf(NGINX, '1'));
    it.hubs[0].faults.add(onBlobs(action));
    expect(await read(source, layer)).toBe(layer.digest);
    expect(it.hubs.map(({ counters }) => counters.cdnGets)).toEqual([1, 1]);
    expect(it.mirrors[1]?.registry.traffic.receivedBytes).toBeLessThan(layer.size);
    expect(it.mirrors[0]?.lie).toBeUndefined();
  });

  test('go on from the authority itself when it breaks off, again and again', async () => {
    await using it = await world({ repositories: ['nothing'] });
    const source = it.upstream.repository(NGINX);
    const layer = await blobOf(source, it.origin.digestOf(NGINX, '1'));
    it.origin.faults.add(onBlobs(resetAt(100_000)));
    expect(await read(source, layer)).toBe(layer.digest);
    expect(it.origin.counters.cdnGets).toBeGreaterThan(2);
  });

  test('that are wrong from one source prove it a liar, and the next try is right', async () => {
    await using it = await world();
    const source = it.upstream.repository(NGINX);
    const layer = await blobOf(source, it.origin.digestOf(NGINX, '1'));
    it.hubs[0].faults.add(onBlobs(corruptAt(200_000)));
    await expect(read(source, layer)).rejects.toMatchObject({ code: 'DIGEST_INVALID', isRetryable: true });
    expect(it.mirrors[0]?.lie?.digest).toBe(layer.digest);
    expect(await read(source, layer)).toBe(layer.digest);
  });

  test('that were stitched together wrongly prove nobody a liar, and are then taken whole', async () => {
    await using it = await world();
    const source = it.upstream.repository(NGINX);
    const layer = await blobOf(source, it.origin.digestOf(NGINX, '1'));
    it.hubs[0].faults.add({ when: { kind: 'cdn', nth: 1 }, action: resetAt(150_000) });
    it.hubs[1].faults.add({ when: { kind: 'cdn', nth: 1 }, action: corruptAt(10) });
    await expect(read(source, layer)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    expect(it.mirrors.map(({ lie }) => lie)).toEqual([undefined, undefined]);
    it.hubs[0].faults.add({ when: { kind: 'cdn' }, action: resetAt(150_000) });
    await expect(read(source, layer)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('a mirror is never told of', () => {
  test('repositories that its patterns leave out', async () => {
    await using it = await world({ repositories: ['other/**'] });
    await it.upstream.repository(NGINX).manifest(it.origin.digestOf(NGINX, '1'));
    expect(it.hubs.map(({ counters }) => counters.manifestGets)).toEqual([0, 0]);
  });

  test('repositories that only our login may read', async () => {
    await using it = await world({ login: true });
    const digest = it.origin.digestOf(PRIVATE, '1');
    expect((await it.upstream.repository(PRIVATE).manifest(digest)).digest).toBe(digest);
    await it.upstream.repository(NGINX).manifest(it.origin.digestOf(NGINX, '1'));
    expect(it.hubs[0].counters.manifestGets).toBe(1);
    expect(it.origin.counters.manifestGets).toBe(1);
  });
});
