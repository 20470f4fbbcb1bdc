// What every BlobStore promises of its trash.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/content/blob-store.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { BlobStoreWorld } from './blob-store.ts';
import { bytesOf, commit, digestsOf, encode, trashOf } from './blob-store-reading.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const ABSENT = digestOf('absent');

export function deletedBlobContract(createWorld: () => Promise<BlobStoreWorld>): void {
  describe('a blob that is deleted', () => {
    let world: BlobStoreWorld;
    let store: BlobStore;

    beforeEach(async () => {
      world = await createWorld();
      store = await world.open();
    });
    afterEach(() => world[Symbol.asyncDispose]());

    test('is gone, and can be taken back', async () => {
      await commit(store, HELLO, DIGEST);
      expect(await store.delete(DIGEST)).toMatchObject({ sizeBytes: 11 });
      expect(await store.stat(DIGEST)).toBeUndefined();
      expect(await store.open(DIGEST)).toBeUndefined();
      expect(await digestsOf(store)).toEqual([]);
      expect(await (await world.open()).restore(DIGEST)).toBe(true);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('can be committed anew, and taken back then as well', async () => {
      await commit(store, HELLO, DIGEST);
      await store.delete(DIGEST);
      await commit(store, HELLO, DIGEST);
      expect(await store.restore(DIGEST)).toBe(true);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('is in the trash until that is emptied of what is as old', async () => {
      await commit(store, HELLO, DIGEST);
      await commit(store, encode('later'), digestOf('later'));
      world.clock.advance(60_000);
      await store.delete(DIGEST);
      world.clock.advance(60_000);
      await store.delete(digestOf('later'));
      const minutesAgo = (count: number) => new Date(world.clock.now() - count * 60_000);
      expect(await store.emptyTrash(minutesAgo(1))).toEqual({ blobs: 0, sizeBytes: 0 });
      expect(await store.emptyTrash(minutesAgo(0.5))).toEqual({ blobs: 1, sizeBytes: 11 });
      expect(await store.restore(DIGEST)).toBe(false);
      expect(await store.restore(digestOf('later'))).toBe(true);
    });

    test('stays when it is not as old as whoever deletes it believed', async () => {
      await commit(store, HELLO, DIGEST);
      expect(await store.delete(DIGEST, new Date(world.clock.now()))).toBeUndefined();
      expect(await store.stat(DIGEST)).toBeDefined();
      const placedAt = new Date(world.clock.now());
      expect(await store.delete(DIGEST, new Date(world.clock.now() + 1))).toEqual({ sizeBytes: 11, placedAt });
    });

    test('is listed in the trash, as long as it is there', async () => {
      expect(await trashOf(store)).toEqual([]);
      await commit(store, HELLO, DIGEST);
      await store.delete(DIGEST);
      await commit(store, HELLO, DIGEST);
      expect(await trashOf(await world.open())).toEqual([DIGEST]);
      await store.restore(DIGEST);
      expect(await trashOf(store)).toEqual([]);
    });

    test('may not have been there', async () => {
      expect(await store.delete(ABSENT)).toBeUndefined();
      expect(await store.restore(ABSENT)).toBe(false);
      expect(await store.emptyTrash(new Date(world.clock.now()))).toEqual({ blobs: 0, sizeBytes: 0 });
    });
  });
}
