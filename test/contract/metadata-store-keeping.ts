// What every metadata store promises of what is garbage, and what keeps the rest.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MetadataStore } from '../../src/metadata/metadata-store.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';
import { metadataStoreEviction } from './metadata-store-eviction.ts';
import type { MakeMetadataStore } from './metadata-store-model.ts';

const HOUR_MS = 3_600_000;
const nginx = parseRepositoryName('library/nginx');
const redis = parseRepositoryName('library/redis');
const latest = parseTag('latest');
const stable = parseTag('stable');
const config = blob('config');
const layer = blob('layer');
const app = image('app', [config, layer]);

export function metadataStoreKeeping(make: MakeMetadataStore): void {
  describe('what is kept', () => {
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

    const unreferenced = () => scanAll((page) => store.unreferencedBlobs(clock.now(), page));

    test('a blob is garbage when no manifest of any repository names it any more', async () => {
      await pushApp();
      await pushApp(redis);
      clock.advance(HOUR_MS);
      expect(await unreferenced()).toEqual([]);
      await store.deleteManifest(nginx, app.digest);
      expect(await unreferenced()).toEqual([]);
      expect(await store.forgetBlobs([layer.digest], clock.now())).toEqual([]);
      await store.deleteManifest(redis, app.digest);
      expect((await unreferenced()).toSorted()).toEqual([config.digest, layer.digest].toSorted());
      expect(await store.forgetBlobs([layer.digest], clock.now())).toEqual([layer.digest]);
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
      for (const { digest } of [layer, config]) expect(await store.forgetBlobs([digest], clock.now())).toEqual([]);
      clock.advance(HOUR_MS);
      await store.endUpload('u');
      for (const { digest } of [layer, config])
        expect(await store.forgetBlobs([digest], clock.now())).toEqual([digest]);
    });

    test('a blob is unknown when it is in no repository and nobody holds it', async () => {
      const [named, held, leased, unknown] = [blob('named'), blob('held'), blob('leased'), blob('unknown')];
      await store.addBlob(nginx, layer);
      await store.putManifest(nginx, image('cached', [named]), { mayLack: 'anything' });
      await store.beginUpload({ id: 'u', repository: nginx, digest: held.digest });
      await store.lease([leased.digest], clock.now() + HOUR_MS);
      const all = [layer, named, held, leased, unknown].map(({ digest }) => digest);
      expect(await store.unknownBlobs(all)).toEqual([unknown.digest]);
      expect(await store.unknownBlobs([])).toEqual([]);
      clock.advance(2 * HOUR_MS);
      await store.endUpload('u');
      const nobodys = [held, leased, unknown].map(({ digest }) => digest);
      expect((await store.unknownBlobs(all)).toSorted()).toEqual(nobodys.toSorted());
    });

    test('what a repository was given, but no longer has, may go, and is unknown then', async () => {
      await store.addBlob(nginx, layer);
      await store.deleteBlob(nginx, layer.digest);
      expect(await store.unknownBlobs([layer.digest])).toEqual([]);
      expect(await store.forgetBlobs([layer.digest], clock.now())).toEqual([layer.digest]);
      expect(await store.unknownBlobs([layer.digest])).toEqual([layer.digest]);
    });

    test('leases that are over are forgotten, and no others', async () => {
      await store.lease([layer.digest], clock.now() + HOUR_MS);
      await store.lease([config.digest], clock.now() + 3 * HOUR_MS);
      clock.advance(2 * HOUR_MS);
      expect(await store.forgetLeases(10)).toBe(1);
      expect(await store.forgetBlobs([config.digest], clock.now())).toEqual([]);
      await store.lease([layer.digest], clock.now() + HOUR_MS);
      expect(await store.forgetBlobs([layer.digest], clock.now())).toEqual([]);
    });

    test('a repository lets go of a blob that none of its manifests names', async () => {
      await pushApp();
      await store.addBlob(redis, layer);
      clock.advance(HOUR_MS);
      const unnamed = { repository: redis, digest: layer.digest };
      expect(await scanAll((page) => store.unnamedBlobs(clock.now(), page))).toEqual([unnamed]);
      const named = { ...unnamed, repository: nginx };
      expect(await store.forgetUnnamedBlobs([named, unnamed], clock.now())).toBe(1);
      expect(await store.forgetUnnamedBlobs([unnamed], clock.now())).toBe(0);
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
      const both = [child, parent].map(({ digest }) => ({ repository: nginx, digest }));
      expect(await store.forgetUntaggedManifests(both, clock.now())).toBe(1);
      expect((await untagged()).map(({ digest }) => digest).toSorted()).toEqual(
        [child.digest, signature.digest].toSorted(),
      );
    });

    test('pins are listed by their job, and go one by one', async () => {
      const pin = { repository: nginx, tag: stable, job: 'library' };
      await store.pin(pin);
      await store.pin(pin);
      expect(await store.pinsOf('library', { limit: 10 })).toEqual([pin]);
      expect(await store.pinsOf('library', { last: pin, limit: 10 })).toEqual([]);
      expect(await store.unpin(pin)).toBe(true);
      expect(await store.unpin(pin)).toBe(false);
    });
  });

  metadataStoreEviction(make);
}
