// What every metadata store says to a check of the store, whatever database is below it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Inspection } from '../../src/metadata/inspection.ts';
import type { MetadataStore } from '../../src/metadata/metadata-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';

type InspectedStore = MetadataStore & { readonly inspection: Inspection };

const nginx = parseRepositoryName('library/nginx');
const redis = parseRepositoryName('library/redis');
const latest = parseTag('latest');
const config = blob('config');
const layer = blob('layer');
const app = image('app', [config, layer]);
const list = index('list', [app.digest]);

export function metadataInspectionContract(name: string, make: (clock: FakeClock) => Promise<InspectedStore>): void {
  describe(`what ${name} says to a check:`, () => {
    let store: InspectedStore;
    let inspection: Inspection;

    beforeEach(async () => {
      store = await make(new FakeClock());
      ({ inspection } = store);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    async function give(repository = nginx): Promise<void> {
      for (const one of [config, layer]) await store.addBlob(repository, one);
    }

    test('a sound database has no problems', async () => {
      expect(await inspection.problems(10)).toEqual([]);
    });

    test('blobs that a repository may serve are listed with their sizes, once each', async () => {
      await give();
      await give(redis);
      await store.putManifest(nginx, image('sparse', [blob('elsewhere')]), { mayLack: 'anything' });
      expect(await scanAll((page) => inspection.heldBlobs(page))).toEqual([config, layer]);
      expect(await inspection.heldBlobTotals()).toEqual({ blobs: 2, sizeBytes: config.sizeBytes + layer.sizeBytes });
      for (const repository of [nginx, redis]) await store.deleteBlob(repository, config.digest);
      expect(await scanAll((page) => inspection.heldBlobs(page))).toEqual([layer]);
    });

    test('a blob came from the upstreams of the manifests that name it', async () => {
      await give();
      await give(redis);
      await store.putManifest(redis, app);
      expect(await inspection.blobOrigins(layer.digest, 10)).toEqual([]);
      await store.putManifest(nginx, app, { upstream: 'docker.io' });
      await store.putManifest(nginx, image('other', [layer]), { upstream: 'docker.io' });
      await store.putManifest(redis, image('third', [layer]), { upstream: 'ghcr.io' });
      const origins = [
        { repository: nginx, upstream: 'docker.io' },
        { repository: redis, upstream: 'ghcr.io' },
      ];
      expect(await inspection.blobOrigins(layer.digest, 10)).toEqual(origins);
      expect(await inspection.blobOrigins(layer.digest, 1)).toEqual(origins.slice(0, 1));
      expect(await inspection.blobOrigins(digestOf('unknown'), 10)).toEqual([]);
    });

    test('manifests are listed once each, with their bytes as long as a repository has them', async () => {
      await give();
      await give(redis);
      for (const repository of [nginx, redis]) await store.putManifest(repository, app);
      await store.putManifest(nginx, list);
      expect(await scanAll((page) => inspection.manifests(page))).toEqual([app.digest, list.digest]);
      expect(await inspection.manifestBytes(list.digest)).toEqual({ bytes: Uint8Array.from(list.bytes) });
      await store.deleteManifest(nginx, list.digest);
      expect(await inspection.manifestBytes(list.digest)).toBeUndefined();
      expect(await scanAll((page) => inspection.manifests(page))).toEqual([app.digest]);
    });

    test('a manifest is held as each repository put it last', async () => {
      await give(redis);
      await store.putManifest(redis, app);
      await store.putManifest(nginx, app, { mayLack: 'anything', upstream: 'docker.io' });
      const { digest, mediaType } = app;
      const held = { digest, mediaType };
      const atRedis = { ...held, repository: redis, upstream: undefined, mayLack: 'nothing' };
      expect(await inspection.manifestHolders(digest, 10)).toEqual([
        { ...held, repository: nginx, upstream: 'docker.io', mayLack: 'anything' },
        atRedis,
      ]);
      await give();
      await store.putManifest(nginx, app, { mayLack: 'nothing' });
      expect(await inspection.manifestHolders(digest, 10)).toEqual([{ ...atRedis, repository: nginx }, atRedis]);
    });

    test('a manifest is incomplete when its repository lost what it had to have', async () => {
      await give();
      await store.putManifest(nginx, app);
      await store.putManifest(nginx, list);
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toEqual([]);
      await give(redis);
      await store.putManifest(redis, app);
      await store.deleteBlob(nginx, layer.digest);
      const held = { repository: nginx, upstream: undefined, mayLack: 'nothing' };
      const image = { ...held, digest: app.digest, mediaType: app.mediaType };
      const lacksLayer = { ...image, lackedManifests: [], lackedBlobs: [layer.digest] };
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toEqual([lacksLayer]);
      expect(await inspection.incompleteManifest(image)).toEqual(lacksLayer);
      await store.deleteManifest(nginx, app.digest);
      const index = { ...held, digest: list.digest, mediaType: list.mediaType };
      const lacksChild = { ...index, lackedManifests: [app.digest], lackedBlobs: [] };
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toEqual([lacksChild]);
      expect(await inspection.incompleteManifest(image)).toBeUndefined();
    });

    test('a foreign layer is not lacked, and a child that may be a blob only where it is neither', async () => {
      const cache = { ...index('cache', [layer.digest]), blobs: [{ ...layer, as: 'child' as const }] };
      await give();
      await store.putManifest(nginx, image('windows', [config, { ...blob('foreign'), as: 'foreign' }]));
      await store.putManifest(nginx, cache);
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toEqual([]);
      await store.deleteBlob(nginx, layer.digest);
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toMatchObject([
        { digest: cache.digest, lackedManifests: [], lackedBlobs: [layer.digest] },
      ]);
    });

    test('what a manifest was allowed to lack does not make it incomplete', async () => {
      await store.putManifest(nginx, app, { mayLack: 'anything' });
      await store.putManifest(redis, list, { mayLack: 'manifests' });
      expect(await scanAll((page) => inspection.incompleteManifests(page))).toEqual([]);
    });

    test('tags do not dangle, neither when they move nor when their manifest goes', async () => {
      await give();
      await store.putManifest(nginx, app, { tags: [latest, parseTag('1')] });
      await store.putManifest(nginx, image('next', [layer]), { tags: [latest] });
      await store.deleteManifest(nginx, app.digest);
      expect(await scanAll((page) => inspection.danglingTags(page))).toEqual([]);
    });
  });
}
