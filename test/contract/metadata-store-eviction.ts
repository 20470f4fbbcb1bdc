// What every metadata store promises of what came from an upstream, and can be fetched again.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EvictableManifest, EvictionRule } from '../../src/metadata/housekeeping.ts';
import type { MetadataStore, NewManifest } from '../../src/metadata/metadata-store.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';
import type { MakeMetadataStore } from './metadata-store-model.ts';

const HOUR_MS = 3_600_000;
const nginx = parseRepositoryName('library/nginx');
const redis = parseRepositoryName('library/redis');
const latest = parseTag('latest');
const config = blob('config');
const layer = blob('the layer');

export function metadataStoreEviction(make: MakeMetadataStore): void {
  describe('what may be evicted', () => {
    let clock: FakeClock;
    let store: MetadataStore;
    let startMs: number;

    beforeEach(async () => {
      clock = new FakeClock();
      startMs = clock.now();
      store = await make(clock);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    const cache = (manifest: NewManifest, repository = nginx, ...tags: string[]) =>
      store.putManifest(repository, manifest, { upstream: 'docker.io', mayLack: 'anything', tags: tags.map(parseTag) });
    const use = (manifest: NewManifest, ms: number) =>
      store.markUsed([{ repository: nginx, digest: manifest.digest }], startMs + ms);
    const byUse = (ms = HOUR_MS): EvictionRule => ({ order: 'use', before: startMs + ms });
    const listed = async (rule: EvictionRule) => {
      const found = await scanAll((page) => store.evictableManifests(rule, page));
      return found.map(({ digest, atMs }) => [digest, atMs - startMs]);
    };
    const evict = async (
      rule: EvictionRule,
      manifests: readonly NewManifest[],
      atMs = Infinity,
      repository = nginx,
    ) => {
      const given: EvictableManifest[] = manifests.map(({ digest }) => ({ repository, digest, atMs }));
      return await store.evictManifests(given, rule, clock.now());
    };
    const isHere = async (manifest: NewManifest, repository = nginx) =>
      (await store.statManifest(repository, manifest.digest)) !== undefined;
    const cachedBytes = async () => {
      let sum = 0;
      for (let after: string | undefined; ;) {
        const { sizeBytes, next } = await store.cachedBytes({ after, limit: 2 });
        sum += sizeBytes;
        if (next === undefined) return sum;
        after = next;
      }
    };

    test('the longest unused come first, and no later use is taken back', async () => {
      const [one, two, three] = [image('one'), image('two'), image('three')];
      for (const manifest of [one, two, three]) await cache(manifest);
      await use(one, 3);
      await use(one, 2);
      await use(three, 1);
      expect(await listed(byUse(4))).toEqual([
        [two.digest, 0],
        [three.digest, 1],
        [one.digest, 3],
      ]);
      expect(await listed(byUse(3))).toHaveLength(2);
      expect(await listed({ ...byUse(4), putBefore: startMs })).toEqual([]);
    });

    test('the oldest come first by age, however often they are used', async () => {
      const [one, two] = [image('one'), image('two')];
      await cache(one);
      clock.advance(10);
      await cache(two);
      await use(one, 20);
      const rule: EvictionRule = { order: 'age', before: startMs + 11 };
      expect(await listed(rule)).toEqual([
        [one.digest, 0],
        [two.digest, 10],
      ]);
      expect(await listed({ ...rule, before: startMs + 10 })).toEqual([[one.digest, 0]]);
      await cache(one);
      expect(await evict(rule, [one], startMs)).toMatchObject({ manifests: 0 });
    });

    test('what was pushed, pinned or leased stays, and so does what another manifest needs', async () => {
      const [pushed, pinned, leased, child, old] = ['pushed', 'pinned', 'leased', 'child', 'old'].map((name) =>
        image(name),
      ) as [NewManifest, NewManifest, NewManifest, NewManifest, NewManifest];
      const parent = index('parent', [child.digest]);
      const pinnedIndex = index('pinned index', [old.digest]);
      await store.putManifest(nginx, pushed);
      await cache(pinned, nginx, 'latest');
      await cache(leased);
      await cache(child);
      await cache(parent);
      await cache(child, redis);
      const pin = { repository: nginx, tag: latest, job: 'library' };
      await store.pin(pin);
      await store.lease([leased.digest], clock.now() + HOUR_MS);
      const mayGo = (await listed(byUse())).map(([digest]) => String(digest));
      expect(mayGo.toSorted()).toEqual([parent.digest, child.digest].toSorted());
      const staying = [pushed, pinned, leased, child];
      expect(await evict(byUse(), staying)).toEqual({ manifests: 0, orphans: [], blobs: [], sizeBytes: 0 });
      for (const manifest of staying) expect(await isHere(manifest)).toBe(true);

      await store.unpin(pin);
      clock.advance(2 * HOUR_MS);
      expect(await evict(byUse(), [pinned, leased])).toMatchObject({ manifests: 2 });
      await cache(old);
      await cache(pinnedIndex, nginx, 'latest');
      await store.pin(pin);
      expect(await evict(byUse(9 * HOUR_MS), [old, pinnedIndex])).toMatchObject({ manifests: 0 });
    });

    test('what was used since it was listed stays', async () => {
      const app = image('app');
      await cache(app);
      await use(app, 5);
      expect(await evict(byUse(), [app], startMs + 4)).toMatchObject({ manifests: 0 });
      expect(await evict(byUse(), [app], startMs + 5)).toMatchObject({ manifests: 1 });
      expect(await isHere(app)).toBe(false);
    });

    test('who uses a child uses the indexes that name it, of the same repository alone', async () => {
      const child = image('child');
      const inner = index('inner', [child.digest]);
      const outer = index('outer', [inner.digest]);
      for (const repository of [nginx, redis]) for (const one of [child, inner, outer]) await cache(one, repository);
      await use(child, 7);
      const found = await scanAll((page) => store.evictableManifests(byUse(), page));
      expect(found).toEqual([
        { repository: redis, digest: outer.digest, atMs: startMs },
        { repository: nginx, digest: outer.digest, atMs: startMs + 7 },
      ]);
    });

    test('who uses a child that is not here yet uses its index', async () => {
      const child = image('child');
      const parent = index('parent', [child.digest]);
      await cache(parent);
      await use(child, 7);
      expect(await listed(byUse())).toEqual([[parent.digest, 7]]);
    });

    test('an index that goes tells which of its children may go now', async () => {
      const [old, young, tagged, shared] = [image('old'), image('young'), image('tagged'), image('shared')];
      const parent = index(
        'parent',
        [old, young, tagged, shared].map(({ digest }) => digest),
      );
      const other = index('other', [shared.digest]);
      for (const one of [old, young, shared, parent, other]) await cache(one);
      await cache(tagged, nginx, 'latest');
      await store.pin({ repository: nginx, tag: latest, job: 'library' });
      await use(young, 9);
      const { manifests, orphans } = await evict(byUse(9), [parent], startMs + 9);
      expect([manifests, orphans]).toEqual([0, []]);
      expect(await evict(byUse(10), [parent])).toEqual({
        manifests: 1,
        blobs: [],
        sizeBytes: 0,
        orphans: [
          { repository: nginx, digest: old.digest, atMs: startMs },
          { repository: nginx, digest: young.digest, atMs: startMs + 9 },
        ],
      });
    });

    test('the blobs that nobody names any more are told, and their repository loses them', async () => {
      const never = blob('never came');
      const [one, two] = [image('one', [config, layer, never]), image('two', [config])];
      for (const each of [config, layer]) await store.addBlob(nginx, each);
      await store.addBlob(redis, config);
      await cache(one);
      await cache(two, redis);
      clock.advance(HOUR_MS);
      const { blobs, sizeBytes } = await evict(byUse(), [one]);
      expect(blobs.toSorted()).toEqual([layer.digest, never.digest].toSorted());
      expect(sizeBytes).toBe(layer.sizeBytes);
      for (const { digest } of [config, layer]) expect(await store.statBlob(nginx, digest)).toBeUndefined();
      expect(await store.statBlob(redis, config.digest)).toEqual(config);
      expect(await evict(byUse(), [two], Infinity, redis)).toMatchObject({
        blobs: [config.digest],
        sizeBytes: config.sizeBytes,
      });
      const gone = [config, layer, never].map(({ digest }) => digest);
      expect((await store.forgetBlobs(gone, clock.now())).toSorted()).toEqual(gone.toSorted());
    });

    test('a blob that its repository was given since, or that is leased, stays the repository’s', async () => {
      const app = image('app', [config, layer]);
      await store.addBlob(nginx, layer);
      await cache(app);
      clock.advance(HOUR_MS);
      await store.addBlob(nginx, config);
      await store.lease([layer.digest], clock.now() + HOUR_MS);
      expect(await evict(byUse(), [app])).toMatchObject({ manifests: 1 });
      for (const each of [config, layer]) expect(await store.statBlob(nginx, each.digest)).toEqual(each);
    });

    test('a blob that is in no repository any more is no part of the cache, though another manifest names it', async () => {
      await store.addBlob(nginx, layer);
      await cache(image('app', [layer]));
      await cache(image('other', [layer]), redis);
      clock.advance(HOUR_MS);
      expect(await cachedBytes()).toBe(layer.sizeBytes);
      expect(await evict(byUse(), [image('app', [layer])])).toMatchObject({ blobs: [], sizeBytes: layer.sizeBytes });
      expect(await cachedBytes()).toBe(0);
    });

    test('a tag goes with what it means, and its history does not say that it was deleted', async () => {
      const app = image('app');
      await cache(app, nginx, 'latest');
      await evict(byUse(), [app]);
      expect(await store.resolveTag(nginx, latest)).toBeUndefined();
      expect(await store.tagHistory(nginx, latest, 10)).toMatchObject([{ digest: app.digest, upstream: 'docker.io' }]);
      await cache(app, nginx, 'latest');
      expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: app.digest });
    });

    test('the cache is as large as its blobs that are here, each counted once', async () => {
      expect(await cachedBytes()).toBe(0);
      for (const repository of [nginx, redis]) {
        for (const each of [config, layer]) await store.addBlob(repository, each);
        await cache(image(`app of ${repository}`, [config, layer, blob('not here')]), repository);
      }
      await store.addBlob(nginx, blob('named by nobody'));
      expect(await cachedBytes()).toBe(config.sizeBytes + layer.sizeBytes);
    });

    test('what stays whatever happens is no part of the cache', async () => {
      const child = image('child', [layer]);
      for (const each of [config, layer]) await store.addBlob(nginx, each);
      await store.addBlob(nginx, blob('own'));
      await cache(child);
      await cache(index('parent', [child.digest]), nginx, 'latest');
      await cache(image('app', [config, blob('own')]));
      await store.putManifest(nginx, image('pushed', [config]));
      expect(await cachedBytes()).toBe(layer.sizeBytes + 'own'.length);
      await store.pin({ repository: nginx, tag: latest, job: 'library' });
      expect(await cachedBytes()).toBe('own'.length);
    });
  });
}
