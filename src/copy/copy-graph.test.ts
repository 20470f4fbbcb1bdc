import { describe, expect, test } from 'vitest';
import {
  APP,
  type CopyWorld,
  OTHER,
  TAGS,
  TWO_PLATFORMS,
  amd64Image,
  arm64Image,
  publish,
  startCopyWorld,
} from '../../test/support/client/copy-world.ts';
import {
  attestationOf,
  blobsOf,
  image,
  index,
  isWhole,
  layerIndex,
  manifestsOf,
  store,
  textBlob,
} from '../../test/support/image-graph.ts';
import { ignoreQuery, refuse } from '../../test/support/origin/fault-actions.ts';
import type { MemoryContent } from '../../test/support/registry/memory-content.ts';
import { parsePlatform } from '../oci/platform.ts';
import { parseTag } from '../oci/reference.ts';

describe('a copy', () => {
  test('brings the whole graph over, byte for byte, and tags it', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    const { digest } = TWO_PLATFORMS.manifest;
    expect(await one.copy(digest)).toEqual({ digest, movedTags: TAGS });
    expect(isWhole(one.target, APP, TWO_PLATFORMS)).toBe(true);
    expect(one.tagsAtTarget()).toEqual([digest, digest]);
    const copied = one.target.content.manifest(APP, digest)?.bytes ?? [];
    expect(Buffer.from(copied).equals(TWO_PLATFORMS.manifest.bytes)).toBe(true);
  });

  test('puts children before parents and the tags last', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    await one.copy(TWO_PLATFORMS.manifest.digest);
    expect(one.changes.filter((change) => !change.endsWith(' 201'))).toEqual([]);
    expect(one.changes.slice(-2)).toEqual(['manifest 1 201', 'manifest latest 201']);
    const at = (digest: string) => one.changes.findIndex((change) => change.includes(digest));
    for (const child of TWO_PLATFORMS.children) {
      for (const { digest } of child.blobs) expect(at(digest)).toBeLessThan(at(child.manifest.digest));
    }
    expect(one.changes).toHaveLength(blobsOf(TWO_PLATFORMS).length + 2 + 2);
  });

  test('moves no tag when a child does not come', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    const [, lost = ''] = manifestsOf(TWO_PLATFORMS).map(({ digest }) => digest);
    (one.source.content as MemoryContent).deleteManifest(APP, lost);
    await expect(one.copy(TWO_PLATFORMS.manifest.digest)).rejects.toMatchObject({
      name: 'CopyError',
      origin: 'source',
      code: 'MANIFEST_UNKNOWN',
    });
    expect(one.tagsAtTarget()).toEqual([undefined, undefined]);
    expect(one.target.content.manifest(APP, TWO_PLATFORMS.manifest.digest)).toBeUndefined();
  });

  test('fetches each manifest and blob once, however many images of the run have them', async () => {
    await using one = await startCopyWorld();
    const shared = amd64Image('a', ['base', 'a']);
    const graphs = [
      index(shared, arm64Image('b', ['base'])),
      index(shared),
      index(shared, arm64Image('c', ['base', 'c'])),
      image('d', ['base']),
    ];
    for (const graph of graphs) publish(one, graph);
    await Promise.all(graphs.map(({ manifest }, nth) => one.copy(manifest.digest, [parseTag(`tag-${nth}`)])));
    const manifests = new Set(graphs.flatMap(manifestsOf).map(({ digest }) => digest));
    const blobs = new Set(graphs.flatMap(blobsOf).map(({ digest }) => digest));
    expect(one.source.counters).toMatchObject({ manifestGets: manifests.size, blobGets: blobs.size });
    expect(one.target.counters).toMatchObject({ blobPuts: blobs.size, manifestPuts: manifests.size });
  });

  test('asks a repository that is new for one blob alone', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    await one.copy(TWO_PLATFORMS.manifest.digest);
    expect(one.target.counters).toMatchObject({ manifestHeads: 0, manifestGets: 0, blobHeads: 1, tagLists: 0 });
  });

  test('tells of the bytes that leave', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    let count = 0;
    await one.copy(TWO_PLATFORMS.manifest.digest, TAGS, { onBytes: (bytes) => void (count += bytes) });
    expect(count).toBe(blobsOf(TWO_PLATFORMS).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  });

  test('of nested indexes brings all of them over', async () => {
    await using one = await startCopyWorld();
    const graph = index(index(index(image('deep'))), image('flat'));
    publish(one, graph);
    await one.copy(graph.manifest.digest);
    expect(isWhole(one.target, APP, graph)).toBe(true);
  });

  test('of an index in an index, six deep, is refused', async () => {
    await using one = await startCopyWorld();
    const graph = index(index(index(index(index(index(image('deepest')))))));
    publish(one, graph);
    await expect(one.copy(graph.manifest.digest)).rejects.toMatchObject({
      origin: 'source',
      code: 'MANIFEST_INVALID',
      message: 'indexes nest too deep',
    });
    expect(one.target.counters.manifestPuts).toBe(0);
  });

  test('of an index without entries is that index', async () => {
    await using one = await startCopyWorld();
    publish(one, index());
    await one.copy(index().manifest.digest);
    expect(one.tagsAtTarget()).toEqual([index().manifest.digest, index().manifest.digest]);
  });

  test('of an index of layers, as BuildKit keeps its cache, brings those as blobs', async () => {
    await using one = await startCopyWorld();
    const graph = layerIndex('what they are for', 'one layer', 'another');
    publish(one, graph);
    await one.copy(graph.manifest.digest);
    expect(isWhole(one.target, APP, graph)).toBe(true);
    expect([one.source.counters.manifestGets, one.source.counters.blobGets]).toEqual([1, 3]);
  });

  test('never fetches foreign layers', async () => {
    await using one = await startCopyWorld();
    const graph = image('windows', ['own'], ['foreign-1', 'foreign-2']);
    publish(one, graph);
    await one.copy(graph.manifest.digest);
    expect(one.tagsAtTarget()).toEqual([graph.manifest.digest, graph.manifest.digest]);
    expect(one.source.counters.blobGets).toBe(2);
    const asked = one.net.sent.map(({ url }) => url.href).join();
    expect(asked).not.toContain('layers.example.com');
    expect(asked).not.toContain(textBlob('foreign-1').digest);
  });
});

describe('what the target has', () => {
  test('is only tagged, with the bytes that it has, and nothing is fetched', async () => {
    await using one = await startCopyWorld();
    store(one.target, APP, TWO_PLATFORMS);
    const { digest } = TWO_PLATFORMS.manifest;
    expect(await one.copy(digest, TAGS, { isNew: false })).toEqual({ digest, movedTags: TAGS });
    expect(one.tagsAtTarget()).toEqual([digest, digest]);
    expect(one.source.counters.requests).toBe(0);
    expect(one.target.counters).toMatchObject({ manifestHeads: 1, manifestGets: 1, manifestPuts: 2 });
  });

  test('and is tagged right is left alone', async () => {
    await using one = await startCopyWorld();
    store(one.target, APP, TWO_PLATFORMS, ...TAGS);
    const { digest } = TWO_PLATFORMS.manifest;
    const present = new Map(TAGS.map((tag) => [tag, digest]));
    expect(await one.copy(digest, TAGS, { isNew: false, present })).toEqual({ digest, movedTags: [] });
    expect(one.target.counters.manifestPuts).toBe(0);
  });

  test('moves only the tags that are wrong', async () => {
    await using one = await startCopyWorld();
    store(one.target, APP, TWO_PLATFORMS, '1');
    const { digest } = TWO_PLATFORMS.manifest;
    const { movedTags } = await one.copy(digest, TAGS, { isNew: false, present: new Map([[parseTag('1'), digest]]) });
    expect(movedTags).toEqual(['latest']);
    expect(one.target.counters.manifestPuts).toBe(1);
  });

  test('of children and blobs is neither fetched nor sent', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    const [first] = TWO_PLATFORMS.children;
    if (first === undefined) throw new Error('it has children');
    store(one.target, APP, first);
    await one.copy(TWO_PLATFORMS.manifest.digest, TAGS, { isNew: false });
    expect(isWhole(one.target, APP, TWO_PLATFORMS)).toBe(true);
    expect(one.source.counters).toMatchObject({ manifestGets: 2, blobGets: 2 });
    expect(one.target.counters.blobPuts).toBe(2);
  });
});

describe('a blob that two repositories need', () => {
  const one = image('one', ['shared']);
  const two = image('two', ['shared']);
  const both = async (it: CopyWorld) => {
    publish(it, one, APP);
    publish(it, two, OTHER);
    return await Promise.allSettled([
      it.copy(one.manifest.digest, TAGS, { name: APP }),
      it.copy(two.manifest.digest, TAGS, { name: OTHER }),
    ]);
  };
  const shared = textBlob('shared').digest;

  test('at once is fetched once, sent once, and mounted', async () => {
    await using it = await startCopyWorld();
    await both(it);
    expect([isWhole(it.target, APP, one), isWhole(it.target, OTHER, two)]).toEqual([true, true]);
    expect(it.source.counters.blobGets).toBe(3);
    expect(it.target.counters.blobPutsByDigest.get(shared)).toBe(1);
    expect(it.target.counters.mounts).toBe(1);
  });

  test('and that the target does not mount comes from its own repository, not from the source', async () => {
    await using it = await startCopyWorld();
    it.target.faults.add({ when: { kind: 'mount' }, action: ignoreQuery() });
    await both(it);
    expect([isWhole(it.target, APP, one), isWhole(it.target, OTHER, two)]).toEqual([true, true]);
    expect(it.source.counters.blobGets).toBe(3);
    expect(it.target.counters).toMatchObject({ blobGets: 1, mounts: 0 });
    expect(it.target.counters.blobPutsByDigest.get(shared)).toBe(2);
  });

  test('is sent by the second when the first fails', async () => {
    await using it = await startCopyWorld();
    it.target.faults.add({ when: { kind: 'upload', method: 'POST', path: `/${APP}/` }, action: refuse('DENIED') });
    const [first, second] = await both(it);
    expect(first?.status).toBe('rejected');
    expect(second?.status).toBe('fulfilled');
    expect(isWhole(it.target, OTHER, two)).toBe(true);
  });

  test('and is there already in one of them is mounted, not sent', async () => {
    await using it = await startCopyWorld();
    store(it.target, APP, one);
    publish(it, one, APP);
    publish(it, two, OTHER);
    const more = image('more', ['shared', 'more']);
    publish(it, more, APP);
    await it.copy(more.manifest.digest, TAGS, { name: APP, isNew: false });
    await it.copy(two.manifest.digest, TAGS, { name: OTHER });
    expect(it.target.counters.blobPutsByDigest.get(shared)).toBeUndefined();
    expect(it.target.counters.mounts).toBe(1);
  });
});

test('a manifest that two repositories need is fetched once', async () => {
  await using it = await startCopyWorld();
  for (const name of [APP, OTHER]) publish(it, TWO_PLATFORMS, name);
  const { digest } = TWO_PLATFORMS.manifest;
  await Promise.all([APP, OTHER].map((name) => it.copy(digest, TAGS, { name })));
  expect([isWhole(it.target, APP, TWO_PLATFORMS), isWhole(it.target, OTHER, TWO_PLATFORMS)]).toEqual([true, true]);
  expect(it.source.counters).toMatchObject({ manifestGets: 3, blobGets: blobsOf(TWO_PLATFORMS).length });
});

describe('a choice of platforms', () => {
  const amd64 = amd64Image('amd64', ['base', 'amd64']);
  const arm64 = arm64Image('arm64', ['base', 'arm64']);
  const graph = index(amd64, attestationOf(amd64), arm64, attestationOf(arm64));
  const platforms = [parsePlatform('linux/amd64')];

  test('rewrites the index to name the chosen and their attestations only', async () => {
    await using one = await startCopyWorld();
    publish(one, graph);
    const { digest, movedTags } = await one.copy(graph.manifest.digest, TAGS, { platforms });
    const subset = index(amd64, attestationOf(amd64));
    expect([digest, movedTags]).toEqual([subset.manifest.digest, TAGS]);
    expect(isWhole(one.target, APP, subset)).toBe(true);
    expect(one.tagsAtTarget()).toEqual([digest, digest]);
    expect(one.source.counters.manifestGets).toBe(3);
    expect(one.target.content.manifest(APP, arm64.manifest.digest)).toBeUndefined();
  });

  test('that leaves nothing out keeps the index as it is', async () => {
    await using one = await startCopyWorld();
    publish(one, graph);
    const all = ['linux/amd64', 'linux/arm64'].map(parsePlatform);
    expect((await one.copy(graph.manifest.digest, TAGS, { platforms: all })).digest).toBe(graph.manifest.digest);
    expect(isWhole(one.target, APP, graph)).toBe(true);
  });

  test('copies an image that is no index as it is', async () => {
    await using one = await startCopyWorld();
    publish(one, amd64);
    expect((await one.copy(amd64.manifest.digest, TAGS, { platforms })).digest).toBe(amd64.manifest.digest);
  });

  test('that the image does not have is an error of the source', async () => {
    await using one = await startCopyWorld();
    publish(one, graph);
    const windows = [parsePlatform('windows/amd64')];
    await expect(one.copy(graph.manifest.digest, TAGS, { platforms: windows })).rejects.toMatchObject({
      origin: 'source',
      code: 'MANIFEST_UNKNOWN',
      message: 'the image has none of windows/amd64',
    });
  });

  test('is left alone at the target when the tags mean the rewritten index already', async () => {
    await using one = await startCopyWorld();
    publish(one, graph);
    const { digest } = await one.copy(graph.manifest.digest, TAGS, { platforms });
    one.source.resetCounters();
    one.target.resetCounters();
    const present = new Map(TAGS.map((tag) => [tag, digest]));
    const again = await one.copy(graph.manifest.digest, TAGS, { platforms, present, isNew: false });
    expect(again).toEqual({ digest, movedTags: [] });
    expect(one.source.counters).toMatchObject({ manifestGets: 1, blobGets: 0 });
    expect(one.target.counters.requests).toBe(0);
  });
});
