// What every metadata store promises, whatever database is below it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MetadataStore } from '../../src/metadata/metadata-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';
import { type MakeMetadataStore, metadataStoreModel } from './metadata-store-model.ts';

const HOUR_MS = 3_600_000;
const nginx = parseRepositoryName('library/nginx');
const redis = parseRepositoryName('library/redis');
const latest = parseTag('latest');
const stable = parseTag('stable');
const config = blob('config');
const layer = blob('layer');
const app = image('app', [config, layer]);

export function metadataStoreContract(name: string, make: MakeMetadataStore): void {
  describe(`what ${name} promises:`, () => {
    let clock: FakeClock;
    let store: MetadataStore;

    beforeEach(async () => {
      clock = new FakeClock();
      store = await make(clock);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    async function pushApp(repository = nginx): Promise<void> {
      for (const one of [config, layer]) await store.addBlob(repository, one);
      await store.putManifest(repository, app, { tags: [latest] });
    }

    describe('manifests and tags', () => {
      test('what was put is found by tag and by digest, byte for byte, and only where it was put', async () => {
        await pushApp();
        const descriptor = { digest: app.digest, mediaType: app.mediaType, size: app.bytes.byteLength };
        expect(await store.resolveTag(nginx, latest)).toEqual(descriptor);
        expect(await store.statManifest(nginx, app.digest)).toEqual(descriptor);
        const { digest, mediaType, bytes } = (await store.manifest(nginx, app.digest))!;
        expect({ digest, mediaType, bytes: Buffer.from(bytes) }).toEqual({
          digest: app.digest,
          mediaType: app.mediaType,
          bytes: app.bytes,
        });
        expect(await store.resolveTag(redis, latest)).toBeUndefined();
        expect(await store.manifest(redis, app.digest)).toBeUndefined();
        expect(await store.resolveTag(nginx, stable)).toBeUndefined();
      });

      test('a manifest whose blobs are not in the repository is refused, and names them', async () => {
        await store.addBlob(nginx, config);
        await store.addBlob(redis, layer);
        await expect(store.putManifest(nginx, app, { tags: [latest] })).rejects.toMatchObject({
          code: 'MANIFEST_BLOB_UNKNOWN',
          message: `the manifest names what is not in library/nginx: ${layer.digest}; push that first`,
        });
        expect(await store.resolveTag(nginx, latest)).toBeUndefined();
        expect(await store.statManifest(nginx, app.digest)).toBeUndefined();
      });

      test('a refused manifest makes no repository', async () => {
        await expect(store.putManifest(nginx, app)).rejects.toThrow('is not in');
        expect(await store.listRepositories({ limit: 10 })).toEqual([]);
        expect(await store.listTags(nginx, { limit: 10 })).toBeUndefined();
      });

      test('a refusal names no more than ten', async () => {
        const digests = Array.from({ length: 40_000 }, (_, child) => digestOf(`child ${child}`));
        const refusal = store.putManifest(nginx, index('huge', digests));
        await expect(refusal).rejects.toThrow(/(?:sha256:[0-9a-f]{64}, ){10}and more; push that first$/);
      });

      test('an index lacks children only where that is allowed', async () => {
        const sparse = index('sparse', [app.digest, digestOf('another platform')]);
        await pushApp();
        await expect(store.putManifest(nginx, sparse)).rejects.toThrow(digestOf('another platform'));
        await store.putManifest(nginx, sparse, { mayLack: 'manifests', tags: [stable] });
        expect(await store.resolveTag(nginx, stable)).toMatchObject({ digest: sparse.digest });
        await expect(store.putManifest(redis, app, { mayLack: 'manifests' })).rejects.toThrow(config.digest);
      });

      test('a cache may have a manifest before its blobs, which it may not serve for that', async () => {
        await store.addBlob(redis, layer);
        await store.putManifest(nginx, app, { mayLack: 'anything', upstream: 'docker.io', tags: [latest] });
        expect(await store.manifestOrigin(nginx, app.digest)).toEqual({
          at: new Date(clock.now()),
          upstream: 'docker.io',
        });
        expect(await store.statBlob(nginx, layer.digest)).toBeUndefined();
        await store.addBlob(nginx, layer);
        expect(await store.statBlob(nginx, layer.digest)).toEqual(layer);
      });

      test('a media type is of the repository that it was put to', async () => {
        const empty = image('empty');
        await store.putManifest(nginx, empty);
        await store.putManifest(redis, { ...empty, mediaType: 'application/vnd.example' });
        expect(await store.statManifest(nginx, empty.digest)).toMatchObject({ mediaType: empty.mediaType });
      });

      test('the history of a tag says what it meant, since when, and from where', async () => {
        const [one, two] = [image('one'), image('two')];
        const startMs = clock.now();
        await store.putManifest(nginx, one, { tags: [latest] });
        clock.advance(1000);
        await store.putManifest(nginx, one, { tags: [latest] });
        await store.putManifest(nginx, two, { tags: [latest], upstream: 'docker.io' });
        clock.advance(1000);
        await store.deleteTag(nginx, latest);
        expect(await store.tagHistory(nginx, latest, 10)).toEqual([
          { digest: undefined, at: new Date(startMs + 2000), upstream: undefined },
          { digest: two.digest, at: new Date(startMs + 1000), upstream: 'docker.io' },
          { digest: one.digest, at: new Date(startMs), upstream: undefined },
        ]);
        expect(await store.tagHistory(nginx, latest, 1)).toHaveLength(1);
      });

      test('deleting a tag leaves the manifest and other tags', async () => {
        await store.putManifest(nginx, image('one'), { tags: [latest, stable] });
        expect(await store.deleteTag(nginx, latest)).toBe(true);
        expect(await store.deleteTag(nginx, latest)).toBe(false);
        expect(await store.resolveTag(nginx, latest)).toBeUndefined();
        expect(await store.resolveTag(nginx, stable)).toMatchObject({ digest: image('one').digest });
      });

      test('deleting a manifest takes its tags along, and nothing of another repository', async () => {
        const one = image('one');
        await store.putManifest(nginx, one, { tags: [latest, stable] });
        await store.putManifest(redis, one, { tags: [latest] });
        expect(await store.tagsOf(nginx, one.digest, { limit: 10 })).toEqual([latest, stable]);
        expect(await store.tagsOf(nginx, one.digest, { last: latest, limit: 10 })).toEqual([stable]);
        expect(await store.deleteManifest(nginx, one.digest)).toBe(true);
        expect(await store.deleteManifest(nginx, one.digest)).toBe(false);
        expect(await store.listTags(nginx, { limit: 10 })).toEqual([]);
        expect(await store.statManifest(nginx, one.digest)).toBeUndefined();
        expect(await store.manifest(redis, one.digest)).toBeDefined();
        expect(await store.resolveTag(redis, latest)).toBeDefined();
        await store.putManifest(nginx, one, { tags: [latest] });
        expect(await store.manifest(nginx, one.digest)).toBeDefined();
      });
    });

    describe('lists', () => {
      test('tags are in byte order, by pages that begin after any name', async () => {
        const names = ['b', 'B', 'a', '1.10', '1.9', '_x', 'a-b', 'a.b'];
        await store.putManifest(nginx, image('one'), { tags: names.map(parseTag) });
        const sorted = names.toSorted();
        expect(await store.listTags(nginx, { limit: 100 })).toEqual(sorted);
        expect(await store.listTags(nginx, { limit: 3 })).toEqual(sorted.slice(0, 3));
        expect(await store.listTags(nginx, { last: sorted[2], limit: 3 })).toEqual(sorted.slice(3, 6));
        expect(await store.listTags(nginx, { last: 'Z', limit: 1 })).toEqual(['_x']);
        expect(await store.listTags(nginx, { limit: 0 })).toEqual([]);
      });

      test('repositories are those that ever had something, in byte order', async () => {
        await store.addBlob(redis, layer);
        await store.putManifest(nginx, image('one'));
        await store.beginUpload({ id: 'u', repository: parseRepositoryName('a') });
        expect(await store.listRepositories({ limit: 10 })).toEqual([nginx, redis]);
        expect(await store.listRepositories({ last: nginx, limit: 10 })).toEqual([redis]);
      });

      test('referrers are those of the repository, with what the API shows of them', async () => {
        const subject = app.digest; // It need not be there.
        const annotations = { 'org.example.key': 'value' };
        const signature = image('signature', [], { subject, artifactType: 'application/signature', annotations });
        const sbom = image('sbom', [], { subject, artifactType: 'application/sbom' });
        await store.putManifest(nginx, signature);
        await store.putManifest(nginx, sbom);
        await store.putManifest(redis, image('other', [], { subject }));
        const { digest, mediaType, bytes } = signature;
        const shown = { digest, mediaType, size: bytes.byteLength, artifactType: 'application/signature', annotations };
        const both = await store.referrers(nginx, subject, { limit: 10 });
        expect(both.map((one) => one.digest)).toEqual([signature.digest, sbom.digest].toSorted());
        const filtered = { artifactType: 'application/signature', limit: 10 };
        expect(await store.referrers(nginx, subject, filtered)).toEqual([shown]);
        const [first, second] = both;
        expect(await store.referrers(nginx, subject, { limit: 1 })).toEqual([first]);
        expect(await store.referrers(nginx, subject, { last: first!.digest, limit: 1 })).toEqual([second]);
        expect(await store.referrers(nginx, digestOf('nothing'), { limit: 10 })).toEqual([]);
      });
    });

    describe('blobs and uploads', () => {
      test('a repository serves only what was given to it', async () => {
        await store.addBlob(nginx, layer);
        expect(await store.statBlob(nginx, layer.digest)).toEqual(layer);
        expect(await store.statBlob(redis, layer.digest)).toBeUndefined();
        expect(await store.mount(layer.digest, redis, nginx)).toBe(false);
        expect(await store.mount(layer.digest, nginx, redis)).toBe(true);
        expect(await store.statBlob(redis, layer.digest)).toEqual(layer);
        expect(await store.repositoriesWith(layer.digest, { limit: 10 })).toEqual([nginx, redis]);
        expect(await store.repositoriesWith(layer.digest, { last: nginx, limit: 10 })).toEqual([redis]);
        expect(await store.repositoriesWith(config.digest, { limit: 10 })).toEqual([]);
        expect(await store.deleteBlob(nginx, layer.digest)).toBe(true);
        expect(await store.deleteBlob(nginx, layer.digest)).toBe(false);
        expect(await store.statBlob(nginx, layer.digest)).toBeUndefined();
        expect(await store.statBlob(redis, layer.digest)).toEqual(layer);
      });

      test('of two that advance an upload from the same byte, one does', async () => {
        await store.beginUpload({ id: 'u', repository: nginx });
        const [one, two] = await Promise.all([store.advanceUpload('u', 0, 10), store.advanceUpload('u', 0, 20)]);
        expect([one, two].filter(Boolean)).toHaveLength(1);
        expect(await store.upload('u')).toEqual({
          id: 'u',
          repository: nginx,
          digest: undefined,
          startedAtMs: clock.now(),
          offset: one ? 10 : 20,
        });
      });

      test('an upload ends with the blob that it brought, or without one', async () => {
        await store.beginUpload({ id: 'u', repository: nginx });
        await store.addBlob(nginx, layer, 'u');
        expect(await store.upload('u')).toBeUndefined();
        await store.beginUpload({ id: 'v', repository: nginx });
        expect(await store.endUpload('v')).toBe(true);
        expect(await store.endUpload('v')).toBe(false);
        expect(await store.advanceUpload('v', 0, 1)).toBe(false);
      });

      test('stale uploads are those that received nothing for a while', async () => {
        for (const id of ['c', 'a', 'b']) await store.beginUpload({ id, repository: nginx });
        clock.advance(HOUR_MS);
        await store.advanceUpload('a', 0, 1);
        const stale = await store.staleUploads(clock.now(), { limit: 10 });
        expect(stale.map(({ id }) => id)).toEqual(['b', 'c']);
        expect(await store.staleUploads(clock.now(), { last: 'b', limit: 10 })).toHaveLength(1);
      });
    });

    describe('what is kept', () => {
      const unreferenced = () => scanAll((page) => store.unreferencedBlobs(clock.now(), page));

      test('a blob is garbage when no manifest of any repository names it any more', async () => {
        await pushApp();
        await pushApp(redis);
        clock.advance(HOUR_MS);
        expect(await unreferenced()).toEqual([]);
        await store.deleteManifest(nginx, app.digest);
        expect(await unreferenced()).toEqual([]);
        expect(await store.forgetBlob(layer.digest, clock.now())).toBe(false);
        await store.deleteManifest(redis, app.digest);
        expect((await unreferenced()).toSorted()).toEqual([config.digest, layer.digest].toSorted());
        expect(await store.forgetBlob(layer.digest, clock.now())).toBe(true);
        expect(await store.statBlob(nginx, layer.digest)).toBeUndefined();
        expect(await unreferenced()).toEqual([config.digest]);
      });

      test('a blob that a repository was given since is no garbage', async () => {
        await store.addBlob(nginx, layer);
        const before = clock.now();
        expect(await scanAll((page) => store.unreferencedBlobs(before, page))).toEqual([]);
        clock.advance(HOUR_MS);
        await store.mount(layer.digest, nginx, redis);
        expect(await scanAll((page) => store.unreferencedBlobs(before + 1, page))).toEqual([]);
      });

      test('a lease and an open upload hold a blob, known or not', async () => {
        await store.addBlob(nginx, layer);
        await store.lease([layer.digest], clock.now() + HOUR_MS);
        await store.lease([layer.digest], clock.now() + 1);
        await store.beginUpload({ id: 'u', repository: redis });
        await store.nameUpload('u', config.digest);
        clock.advance(HOUR_MS - 1);
        expect(await unreferenced()).toEqual([]);
        for (const { digest } of [layer, config]) expect(await store.forgetBlob(digest, clock.now())).toBe(false);
        clock.advance(HOUR_MS);
        await store.endUpload('u');
        for (const { digest } of [layer, config]) expect(await store.forgetBlob(digest, clock.now())).toBe(true);
      });

      test('leases that are over are forgotten, and no others', async () => {
        await store.lease([layer.digest], clock.now() + HOUR_MS);
        await store.lease([config.digest], clock.now() + 3 * HOUR_MS);
        clock.advance(2 * HOUR_MS);
        expect(await store.forgetLeases(10)).toBe(1);
        expect(await store.forgetBlob(config.digest, clock.now())).toBe(false);
        await store.lease([layer.digest], clock.now() + HOUR_MS);
        expect(await store.forgetBlob(layer.digest, clock.now())).toBe(false);
      });

      test('a repository lets go of a blob that none of its manifests names', async () => {
        await pushApp();
        await store.addBlob(redis, layer);
        clock.advance(HOUR_MS);
        const unnamed = { repository: redis, digest: layer.digest };
        expect(await scanAll((page) => store.unnamedBlobs(clock.now(), page))).toEqual([unnamed]);
        expect(await store.forgetUnnamedBlob({ ...unnamed, repository: nginx }, clock.now())).toBe(false);
        expect(await store.forgetUnnamedBlob(unnamed, clock.now())).toBe(true);
        expect(await store.statBlob(redis, layer.digest)).toBeUndefined();
        expect(await store.statBlob(nginx, layer.digest)).toEqual(layer);
      });

      test('an untagged manifest is garbage when nothing names it and it is about nothing that is there', async () => {
        const child = image('child');
        const parent = index('parent', [child.digest]);
        const signature = image('signature', [], { subject: parent.digest });
        await store.putManifest(nginx, child);
        await store.putManifest(nginx, parent, { tags: [latest] });
        await store.putManifest(nginx, signature);
        clock.advance(HOUR_MS);
        const untagged = () => scanAll((page) => store.untaggedManifests(clock.now(), page));
        expect(await untagged()).toEqual([]);
        await store.deleteTag(nginx, latest);
        expect(await untagged()).toEqual([{ repository: nginx, digest: parent.digest }]);
        expect(await store.forgetUntaggedManifest({ repository: nginx, digest: child.digest }, clock.now())).toBe(
          false,
        );
        const garbage = { repository: nginx, digest: parent.digest };
        expect(await store.forgetUntaggedManifest(garbage, clock.now())).toBe(true);
        expect((await untagged()).map(({ digest }) => digest).toSorted()).toEqual(
          [child.digest, signature.digest].toSorted(),
        );
      });

      test('the longest unused come first, but for what is pinned and what another manifest needs', async () => {
        const [old, used, pinned, child] = [image('old'), image('used'), image('pinned'), image('child')];
        const parent = index('parent', [child.digest]);
        for (const one of [old, used, child, parent]) await store.putManifest(nginx, one);
        await store.putManifest(nginx, pinned, { tags: [stable] });
        const pin = { repository: nginx, tag: stable, job: 'library' };
        await store.pin(pin);
        await store.pin(pin);
        const startMs = clock.now();
        await store.markUsed([{ repository: nginx, digest: used.digest }], startMs + 3);
        await store.markUsed([{ repository: nginx, digest: used.digest }], startMs + 2);
        await store.markUsed([{ repository: nginx, digest: parent.digest }], startMs + 1);
        const unused = async () => {
          const found = await scanAll((page) => store.leastRecentlyUsed(startMs + 4, page));
          return found.map(({ digest, usedAtMs }) => [digest, usedAtMs - startMs]);
        };
        expect(await unused()).toEqual([
          [old.digest, 0],
          [parent.digest, 1],
          [used.digest, 3],
        ]);
        expect(await store.pinsOf('library', { limit: 10 })).toEqual([pin]);
        expect(await store.pinsOf('library', { last: pin, limit: 10 })).toEqual([]);
        expect(await store.unpin(pin)).toBe(true);
        expect(await store.unpin(pin)).toBe(false);
        expect(await unused()).toHaveLength(4);
      });
    });

    metadataStoreModel(make);
  });
}
