// What every metadata store promises, whatever database is below it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MetadataStore } from '../../src/metadata/metadata-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OciError } from '../../src/oci/errors.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import type { TagChange } from '../../src/oci/tag-guard.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';
import { metadataStoreKeeping } from './metadata-store-keeping.ts';
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

      test('a foreign layer may be missing', async () => {
        const foreign = blob('foreign');
        await store.addBlob(nginx, layer);
        await store.putManifest(nginx, image('windows', [layer, { ...foreign, as: 'foreign' }]), { tags: [latest] });
        expect(await store.resolveTag(nginx, latest)).toBeDefined();
        expect(await store.statBlob(nginx, foreign.digest)).toBeUndefined();
      });

      test('a child that is no manifest may be a blob, and has to be in the repository as one of the two', async () => {
        const cache = { ...index('cache', [layer.digest]), blobs: [{ ...layer, as: 'child' as const }] };
        await store.addBlob(redis, layer);
        await expect(store.putManifest(nginx, cache)).rejects.toThrow(layer.digest);
        await expect(store.putManifest(redis, index('no cache', [layer.digest]))).rejects.toThrow(layer.digest);
        await store.putManifest(redis, cache);
        const empty = image('empty');
        await store.putManifest(nginx, empty);
        const named = { digest: empty.digest, sizeBytes: empty.bytes.byteLength, as: 'child' as const };
        await store.putManifest(nginx, { ...index('odd', [empty.digest]), blobs: [named] });
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

      test('a tag is confirmed when it is put from its upstream, and when that says the same again', async () => {
        const startMs = clock.now();
        const one = { repository: nginx, tag: latest, digest: image('one').digest };
        await store.putManifest(nginx, image('one'), { tags: [latest] });
        expect(await store.tagConfirmedAt(nginx, latest)).toBeUndefined();
        await store.putManifest(nginx, image('one'), { tags: [latest], upstream: 'docker.io' });
        expect(await store.tagConfirmedAt(nginx, latest)).toBe(startMs);
        clock.advance(1000);
        await store.putManifest(nginx, image('one'), { tags: [latest], upstream: 'docker.io' });
        expect(await store.tagConfirmedAt(nginx, latest)).toBe(startMs + 1000);
        await store.confirmTag({ ...one, at: startMs + 2000 });
        await store.confirmTag({ ...one, digest: image('two').digest, at: startMs + 3000 });
        await store.confirmTag({ ...one, repository: redis, at: startMs + 3000 });
        expect(await store.tagConfirmedAt(nginx, latest)).toBe(startMs + 2000);
        expect(await store.tagHistory(nginx, latest, 10)).toHaveLength(1);
        await store.putManifest(nginx, image('two'), { tags: [latest] });
        expect(await store.tagConfirmedAt(nginx, latest)).toBeUndefined();
      });

      test('a repository holds what was pushed until that is deleted, and what came from an upstream is not', async () => {
        expect(await store.holdsPushed(nginx)).toBe(false);
        await store.putManifest(nginx, image('one'), { tags: [latest], upstream: 'docker.io' });
        expect(await store.holdsPushed(nginx)).toBe(false);
        await store.putManifest(nginx, image('two'));
        expect(await store.holdsPushed(nginx)).toBe(true);
        expect(await store.holdsPushed(redis)).toBe(false);
        await store.deleteManifest(nginx, image('two').digest);
        expect(await store.holdsPushed(nginx)).toBe(false);
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

    describe('a guard', () => {
      const [one, two] = [image('one'), image('two')];
      let asked: TagChange[];
      const pass = (change: TagChange) => void asked.push(change);
      const refuse = () => {
        throw new OciError('DENIED', 'not this one');
      };

      beforeEach(async () => {
        asked = [];
        await store.putManifest(nginx, one, { tags: [latest] });
      });

      test('is told of each tag what it means and is to mean', async () => {
        await store.putManifest(nginx, one, { tags: [latest], guard: pass });
        await store.putManifest(nginx, two, { tags: [latest, stable], guard: pass });
        await store.deleteTag(nginx, latest, { guard: pass });
        await store.deleteManifest(nginx, two.digest, { guard: pass });
        expect(asked).toEqual([
          { tag: latest, from: one.digest, to: one.digest },
          { tag: latest, from: one.digest, to: two.digest },
          { tag: stable, from: undefined, to: two.digest },
          { tag: latest, from: two.digest, to: undefined },
          { tag: stable, from: two.digest, to: undefined },
        ]);
      });

      test('is not asked about what is not there to be deleted', async () => {
        expect(await store.deleteTag(nginx, stable, { guard: refuse })).toBe(false);
        expect(await store.deleteManifest(nginx, two.digest, { guard: refuse })).toBe(false);
        expect(await store.deleteTag(redis, latest, { guard: refuse })).toBe(false);
      });

      test('that throws leaves all as it was', async () => {
        const refused = [
          store.putManifest(nginx, two, { tags: [stable, latest], guard: ({ tag }) => tag === latest && refuse() }),
          store.deleteTag(nginx, latest, { guard: refuse }),
          store.deleteManifest(nginx, one.digest, { guard: refuse }),
        ];
        for (const change of refused) await expect(change).rejects.toMatchObject({ code: 'DENIED' });
        expect(await store.listTags(nginx, { limit: 10 })).toEqual([latest]);
        expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
        expect(await store.statManifest(nginx, two.digest)).toBeUndefined();
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

      test('a page of referrers ends before its annotations become many, though never without one', async () => {
        const subject = app.digest;
        const annotations = { large: 'x'.repeat(700_000) };
        for (let nth = 0; nth < 5; nth += 1) {
          await store.putManifest(nginx, image(`signature ${nth}`, [], { subject, annotations }));
        }
        const found: string[] = [];
        for (let last: string | undefined; ; last = found.at(-1)) {
          const page = await store.referrers(nginx, subject, { last, limit: 10 });
          if (page.length === 0) break;
          expect(page).toHaveLength(1);
          found.push(...page.map(({ digest }) => digest));
        }
        expect(new Set(found).size).toBe(5);
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

      test('a stale upload is ended, unless it was gone on with, or named what it becomes', async () => {
        for (const id of ['a', 'b', 'c']) await store.beginUpload({ id, repository: nginx });
        const before = clock.now() + 1;
        clock.advance(HOUR_MS);
        await store.advanceUpload('a', 0, 1);
        await store.nameUpload('b', layer.digest);
        const ended = ['a', 'b', 'c', 'd'].map(async (id) => await store.endStaleUpload(id, before));
        expect(await Promise.all(ended)).toEqual([false, false, true, false]);
        expect(await store.upload('c')).toBeUndefined();
        expect(await store.upload('b')).toMatchObject({ digest: layer.digest });
      });
    });

    describe('the histories of tags', () => {
      const moveTimes = async () => {
        for (const name of ['one', 'two', 'three', 'four']) {
          await store.putManifest(nginx, image(name), { tags: [latest, stable].slice(0, name === 'one' ? 2 : 1) });
          clock.advance(HOUR_MS);
        }
        return await store.tagHistory(nginx, latest, 10);
      };
      const tag = { repository: nginx, tag: latest };

      test('those are long that have more moves than are kept, of all tags that ever were', async () => {
        await moveTimes();
        await store.putManifest(redis, image('one'), { tags: [latest] });
        await store.deleteTag(redis, latest);
        const long = (keep: number) => scanAll((page) => store.longTagHistories(keep, page));
        expect(await long(4)).toEqual([]);
        expect(await long(2)).toEqual([tag]);
        expect(await long(1)).toEqual([tag, { repository: redis, tag: latest }]);
      });

      test('the earliest moves go, but for those that are kept and what came since', async () => {
        const moves = await moveTimes();
        const now = clock.now();
        expect(await store.trimTagHistory(tag, { keep: 4, before: now }, 10)).toBe(0);
        expect(await store.trimTagHistory(tag, { keep: 1, before: now - 4 * HOUR_MS }, 10)).toBe(0);
        expect(await store.trimTagHistory(tag, { keep: 1, before: now - 3 * HOUR_MS }, 10)).toBe(1);
        expect(await store.tagHistory(nginx, latest, 10)).toEqual(moves.slice(0, 3));
        expect(await store.trimTagHistory(tag, { keep: 0, before: now }, 2)).toBe(2);
        expect(await store.tagHistory(nginx, latest, 10)).toEqual(moves.slice(0, 1));
        expect(await store.tagHistory(nginx, stable, 10)).toHaveLength(1);
        expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: image('four').digest });
      });

      test('of a tag that never was there is nothing to forget', async () => {
        const never = { repository: redis, tag: stable };
        expect(await store.trimTagHistory(never, { keep: 0, before: clock.now() }, 10)).toBe(0);
      });
    });

    test('a rehearsal begins with all that is known, and is seen nowhere else', async () => {
      await pushApp();
      await using rehearsal = await store.rehearsal();
      expect(await rehearsal.resolveTag(nginx, latest)).toMatchObject({ digest: app.digest });
      await rehearsal.deleteManifest(nginx, app.digest);
      await rehearsal.putManifest(redis, image('one'), { tags: [stable] });
      expect(await rehearsal.statManifest(nginx, app.digest)).toBeUndefined();
      expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: app.digest });
      expect(await store.resolveTag(redis, stable)).toBeUndefined();
      await store.deleteTag(nginx, latest);
      expect(await rehearsal.resolveTag(redis, stable)).toBeDefined();
    });

    metadataStoreKeeping(make);
    metadataStoreModel(make);
  });
}
