import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Graph, image, index, textBlob } from '../../test/support/image-graph.ts';
import type { Blob } from '../../test/support/registry/content.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import type { EvictableManifest, EvictedManifests, EvictionRule } from '../metadata/housekeeping.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { newManifest } from '../store/new-manifest.ts';
import { type EvictionLimits, type EvictionOptions, evict } from './eviction.ts';

const NGINX = parseRepositoryName('library/nginx');
const REDIS = parseRepositoryName('library/redis');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NO_LIMITS: EvictionLimits = { maxSizeBytes: Infinity, maxIdleMs: Infinity, maxAgeMs: Infinity };
const NONE = { idle: 0, age: 0, size: 0, pressure: 0 };
const NOTHING = { manifests: NONE, blobs: 0, sizeBytes: 0, freedBytes: 0 };

let clock: FakeClock;
let content: MemoryBlobStore;
let metadata: SqliteMetadataStore;

beforeEach(async () => {
  clock = new FakeClock();
  content = new MemoryBlobStore({ now: () => clock.now() });
  metadata = await SqliteMetadataStore.inMemory({ clock });
});
afterEach(() => metadata[Symbol.asyncDispose]());

const run = (limits: Partial<EvictionLimits> = {}, options?: EvictionOptions) =>
  evict({ metadata, content, now: () => clock.now() }, { ...NO_LIMITS, ...limits }, options);
const isKept = async (text: string) => (await content.stat(digestOf(text))) !== undefined;
const isHere = async ({ manifest }: Graph, repository = NGINX) =>
  (await metadata.statManifest(repository, manifest.digest)) !== undefined;
const use = ({ manifest: { digest } }: Graph) => metadata.markUsed([{ repository: NGINX, digest }], clock.now());

async function cacheBlob({ digest, sizeBytes, parts }: Blob, repository = NGINX): Promise<void> {
  const ingest = await content.begin();
  for (const part of parts) await ingest.append(part);
  await ingest.commit(digest);
  await metadata.addBlob(repository, { digest, sizeBytes });
}

async function cache(graph: Graph, repository = NGINX, ...tags: readonly string[]): Promise<Graph> {
  const { manifest } = graph;
  const parsed = newManifest(manifest, readManifest(manifest.bytes).content);
  const options = { upstream: 'docker.io', mayLack: 'anything', tags: tags.map(parseTag) } as const;
  await metadata.putManifest(repository, parsed, options);
  for (const child of graph.children) await cache(child, repository);
  for (const blob of graph.blobs) await cacheBlob(blob, repository);
  return graph;
}

/** A layer of a size. */
const layer = (name: string, sizeBytes: number) => name.padEnd(sizeBytes, '.');
/** What `cachedBytes` has of an image with such layers. */
const sizeOf = ({ blobs }: Graph) => blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe('by idleness and age', () => {
  test('nothing goes where there is no limit', async () => {
    await cache(image('a'), NGINX, 'latest');
    clock.advance(900 * DAY_MS);
    expect(await run({}, { sweep: true })).toEqual(NOTHING);
  });

  test('what nobody used for so long goes, with its blobs, and a hit renews it', async () => {
    const [idle, used] = [await cache(image('idle', ['one', 'both'])), await cache(image('used', ['two', 'both']))];
    clock.advance(20 * DAY_MS);
    await use(used);
    clock.advance(10 * DAY_MS);
    expect(await run({ maxIdleMs: 30 * DAY_MS })).toEqual(NOTHING);
    clock.advance(1);
    const { manifests, blobs } = await run({ maxIdleMs: 30 * DAY_MS });
    expect([manifests, blobs]).toEqual([{ ...NONE, idle: 1 }, 2]);
    expect([await isHere(idle), await isHere(used)]).toEqual([false, true]);
    expect([await isKept('one'), await isKept('two'), await isKept('both')]).toEqual([false, true, true]);
  });

  test('what is here for so long goes, though it is used', async () => {
    const graph = await cache(image('a', ['one']));
    clock.advance(7 * DAY_MS + 1);
    await use(graph);
    expect(await run({ maxAgeMs: 7 * DAY_MS })).toMatchObject({ manifests: { ...NONE, age: 1 }, blobs: 2 });
  });

  test('an index goes first, and its children after it if they are as old', async () => {
    const [one, two] = [image('one'), image('two')];
    await cache(index(index(one), two), NGINX, 'latest');
    clock.advance(30 * DAY_MS);
    await use(one);
    expect(await run({ maxIdleMs: DAY_MS })).toEqual(NOTHING);
    clock.advance(2 * DAY_MS);
    expect(await run({ maxIdleMs: DAY_MS })).toMatchObject({ manifests: { ...NONE, idle: 4 }, blobs: 4 });
    expect((await Array.fromAsync(content.list())).flat()).toEqual([]);
  });

  test('bytes that nobody is short of wait in the trash for an hour', async () => {
    const graph = await cache(image('a'));
    clock.advance(2 * DAY_MS);
    expect(await run({ maxIdleMs: DAY_MS })).toMatchObject({ sizeBytes: sizeOf(graph), freedBytes: 0 });
    clock.advance(HOUR_MS + 1);
    expect(await run({ maxIdleMs: DAY_MS })).toMatchObject({ sizeBytes: 0, freedBytes: sizeOf(graph) });
  });

  test('what was evicted can be fetched again', async () => {
    const graph = await cache(image('a', ['one']), NGINX, 'latest');
    clock.advance(2 * DAY_MS);
    await run({ maxIdleMs: DAY_MS });
    expect(await metadata.resolveTag(NGINX, parseTag('latest'))).toBeUndefined();
    await cache(graph, NGINX, 'latest');
    expect(await metadata.resolveTag(NGINX, parseTag('latest'))).toMatchObject({ digest: graph.manifest.digest });
    expect(await run({ maxIdleMs: DAY_MS })).toEqual(NOTHING);
    expect(await isKept('one')).toBe(true);
  });
});

describe('by size', () => {
  test('the longest unused go until the rest fits, and no more', async () => {
    const graphs = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      graphs.push(await cache(image(name, [layer(name, 1000)])));
      clock.advance(HOUR_MS);
    }
    await use(graphs[0]!);
    clock.advance(HOUR_MS + 1);
    expect(await run({ maxSizeBytes: 4 * sizeOf(graphs[0]!) })).toEqual(NOTHING);
    const evicted = await run({ maxSizeBytes: 3 * sizeOf(graphs[0]!) - 1 });
    const goneBytes = 2 * sizeOf(graphs[0]!);
    expect(evicted).toEqual({
      manifests: { ...NONE, size: 2 },
      blobs: 4,
      sizeBytes: goneBytes,
      freedBytes: goneBytes,
    });
    expect(await Promise.all(graphs.map((graph) => isHere(graph)))).toEqual([true, false, false, true]);
  });

  test('a blob that several share counts once, and goes with the last of them', async () => {
    const base = layer('base', 10_000);
    await cache(image('a', [base]));
    clock.advance(1);
    await cache(image('b', [base]), REDIS);
    clock.advance(2 * HOUR_MS);
    expect(await run({ maxSizeBytes: 11_000 })).toEqual(NOTHING);
    expect(await run({ maxSizeBytes: 10_020 })).toMatchObject({ manifests: { ...NONE, size: 1 }, blobs: 1 });
    expect(await isKept(base)).toBe(true);
    expect(await metadata.statBlob(NGINX, digestOf(base))).toBeUndefined();
    expect(await metadata.statBlob(REDIS, digestOf(base))).toBeDefined();
    expect(await run({ maxSizeBytes: 9_000 })).toMatchObject({ manifests: { ...NONE, size: 1 }, blobs: 2 });
    expect(await isKept(base)).toBe(false);
  });

  test('what was fetched within the hour stays, however large it is', async () => {
    const graph = await cache(image('a'));
    clock.advance(HOUR_MS);
    expect(await run({ maxSizeBytes: 0 })).toEqual(NOTHING);
    clock.advance(1);
    expect(await run({ maxSizeBytes: 0 })).toMatchObject({ freedBytes: sizeOf(graph) });
  });

  test('a leased blob stays, and nothing else goes in its stead', async () => {
    const [old, young] = [image('old', [layer('old', 1000)]), image('young', [layer('young', 1000)])];
    await cache(old);
    clock.advance(1);
    await cache(young);
    clock.advance(2 * HOUR_MS);
    await metadata.lease([digestOf(layer('old', 1000))], clock.now() + HOUR_MS);
    const limit = { maxSizeBytes: sizeOf(young) };
    expect(await run(limit)).toMatchObject({ manifests: { ...NONE, size: 1 }, blobs: 1 });
    expect(await run(limit)).toEqual(NOTHING);
    expect(await isKept(layer('old', 1000))).toBe(true);
    clock.advance(DAY_MS);
    expect(await run(limit, { sweep: true })).toMatchObject({ manifests: NONE, blobs: 1, sizeBytes: 1000 });
    expect(await isKept(layer('old', 1000))).toBe(false);
    expect(await isHere(young)).toBe(true);
  });

  test('who reads a blob reads on when it is freed', async () => {
    await cache(image('a', ['the layer']));
    clock.advance(2 * HOUR_MS);
    const blob = await content.open(digestOf('the layer'));
    expect(await run({ maxSizeBytes: 0 })).toMatchObject({ blobs: 2 });
    expect(await content.restore(digestOf('the layer'))).toBe(false);
    expect(Buffer.concat(await Array.fromAsync(blob!.stream())).toString()).toBe('the layer');
  });

  test('what is used while it is being looked at stays', async () => {
    const graph = await cache(image('a'));
    clock.advance(2 * HOUR_MS);
    const evictManifests = async (
      manifests: readonly EvictableManifest[],
      rule: EvictionRule,
      before: number,
    ): Promise<EvictedManifests> => {
      await use(graph);
      return await metadata.evictManifests(manifests, rule, before);
    };
    const busy = new Proxy(metadata, {
      get: (_, key) => {
        if (key === 'evictManifests') return evictManifests;
        const value: unknown = Reflect.get(metadata, key, metadata);
        return typeof value === 'function' ? value.bind(metadata) : value;
      },
    });
    const parts = { metadata: busy, content, now: () => clock.now() };
    expect(await evict(parts, { ...NO_LIMITS, maxSizeBytes: 0 })).toEqual(NOTHING);
    expect(await isHere(graph)).toBe(true);
  });
});

describe('when the disk is full', () => {
  test('the trash goes first, and only then what is still of use', async () => {
    const graph = await cache(image('a', [layer('a', 1000)]));
    await cacheBlob(textBlob(layer('deleted', 500)));
    clock.advance(2 * HOUR_MS);
    await content.delete(digestOf(layer('deleted', 500)));
    await metadata.deleteBlob(NGINX, digestOf(layer('deleted', 500)));
    await metadata.forgetBlobs([digestOf(layer('deleted', 500))], clock.now());
    let freeBytes = 100;
    const emptyTrash = content.emptyTrash.bind(content);
    content.emptyTrash = async (olderThan) => {
      const freed = await emptyTrash(olderThan);
      freeBytes += freed.sizeBytes;
      return freed;
    };
    const options = { freeBytes: async () => freeBytes };
    expect(await run({ minFreeBytes: 100 }, options)).toEqual(NOTHING);
    expect(await run({ minFreeBytes: 600 }, options)).toEqual({ ...NOTHING, freedBytes: 500 });
    expect(await run({ minFreeBytes: 601 }, options)).toMatchObject({
      manifests: { ...NONE, pressure: 1 },
      freedBytes: sizeOf(graph),
    });
    expect(freeBytes).toBe(600 + sizeOf(graph));
  });

  test('blobs of no manifest go, though they wait for a day else', async () => {
    await cacheBlob(textBlob('of no manifest'));
    clock.advance(2 * HOUR_MS);
    expect(await run({}, { sweep: true })).toEqual(NOTHING);
    const full = { freeBytes: async () => 0 };
    expect(await run({ minFreeBytes: 1 }, full)).toMatchObject({ blobs: 1, freedBytes: 14 });
  });
});

test('blobs of no manifest go in a sweep, a day after they came or sooner where idle content does', async () => {
  await cacheBlob(textBlob('of no manifest'));
  clock.advance(2 * HOUR_MS);
  expect(await run({ maxIdleMs: 2 * HOUR_MS })).toEqual(NOTHING);
  expect(await run({ maxIdleMs: HOUR_MS }, { sweep: true })).toMatchObject({ blobs: 1 });
  await cacheBlob(textBlob('another'));
  clock.advance(DAY_MS + 1);
  expect(await run({}, { sweep: true })).toMatchObject({ blobs: 1 });
  expect((await Array.fromAsync(content.list())).flat()).toEqual([]);
});

test('whoever ends it finds nothing half done: what is left goes next time', async () => {
  for (let nth = 0; nth < 30; nth += 1) await cache(image(`image ${nth}`));
  clock.advance(2 * DAY_MS);
  const stop = new AbortController();
  const pause = async () => stop.abort(new Error('enough'));
  await expect(run({ maxIdleMs: DAY_MS }, { pause, signal: stop.signal })).rejects.toThrow('enough');
  const { manifests } = await run({ maxIdleMs: DAY_MS }, { sweep: true });
  expect(manifests).toEqual({ ...NONE, idle: 20 });
  expect((await Array.fromAsync(content.list())).flat()).toEqual([]);
});
