// What every BlobStore promises, whatever it keeps its bytes in. Call it in a test file of the implementation.
import { existsSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/content/blob-store.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';
import { deletedBlobContract } from './blob-store-deletion.ts';
import { blobStoreModel } from './blob-store-model.ts';
import { bytesOf, commit, digestsOf, encode, readStream } from './blob-store-reading.ts';

/** One empty store. Disposing it removes it. */
export interface BlobStoreWorld extends AsyncDisposable {
  /** What the store takes the times of commits and deletions from. */
  readonly clock: FakeClock;
  /** The same store each time, as another process would open it. */
  open(): Promise<BlobStore>;
  /** Changes a byte of a blob behind the store's back. */
  damage(digest: Digest): Promise<void>;
}

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const ABSENT = digestOf('absent');
const NO_ID = '00000000-0000-4000-8000-000000000000';

export function blobStoreContract(createWorld: () => Promise<BlobStoreWorld>): void {
  let world: BlobStoreWorld;
  let store: BlobStore;
  let folder: ScratchFolder;

  beforeEach(async () => {
    world = await createWorld();
    store = await world.open();
    folder = await scratchFolder('contract');
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  describe('what was committed', () => {
    test.each(['sha256', 'sha512'] as const)(
      'can be read under its %s digest, here and elsewhere',
      async (algorithm) => {
        const digest = digestOf(HELLO, algorithm);
        await commit(store, HELLO, digest);
        for (const reader of [store, await world.open()]) {
          expect(await reader.stat(digest)).toMatchObject({ sizeBytes: 11 });
          expect(await bytesOf(reader, digest)).toEqual(HELLO);
        }
      },
    );

    test('may have been announced under another algorithm, or under the same', async () => {
      const digest = digestOf(HELLO, 'sha512');
      for (const algorithm of ['sha256', 'sha512'] as const) {
        await using ingest = await store.begin(algorithm);
        await ingest.append(HELLO);
        await ingest.commit(digest);
        expect(await bytesOf(store, digest)).toEqual(HELLO);
      }
    });

    test('may have no bytes at all', async () => {
      const nothing = digestOf('');
      await commit(store, encode(''), nothing);
      expect(await store.stat(nothing)).toMatchObject({ sizeBytes: 0 });
      expect(await bytesOf(store, nothing)).toEqual(encode(''));
      expect(await bytesOf(store, nothing, { startByte: 0, endByte: 0 })).toEqual(encode(''));
    });

    test('may be larger than any buffer', async () => {
      const large = new Uint8Array(1_500_000).map((_, index) => index % 251);
      await commit(store, large, digestOf(large), 333_333);
      expect(Buffer.compare(await bytesOf(store, digestOf(large)), large)).toBe(0);
      const range = { startByte: 262_143, endByte: 1_100_000 };
      expect(Buffer.compare(await bytesOf(store, digestOf(large), range), large.subarray(262_143, 1_100_000))).toBe(0);
    });

    test('can be committed again, also at the same time', async () => {
      await Promise.all(Array.from({ length: 4 }, async () => await commit(await world.open(), HELLO, DIGEST)));
      await commit(store, HELLO, DIGEST);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
      expect(await digestsOf(store)).toEqual([DIGEST]);
    });

    test('is as old as its last commit, or as its adoption', async () => {
      const file = path.join(folder.path, 'file');
      await writeFile(file, 'adopted');
      await utimes(file, 1, 1);
      await commit(store, HELLO, DIGEST);
      world.clock.advance(60_000);
      await store.adopt(digestOf('adopted'), file);
      const isPlacedAt = (atMs: number) => ({ placedAt: new Date(atMs) });
      expect(await store.stat(DIGEST)).toMatchObject(isPlacedAt(world.clock.now() - 60_000));
      expect(await store.stat(digestOf('adopted'))).toMatchObject(isPlacedAt(world.clock.now()));
      await commit(store, HELLO, DIGEST);
      expect(await store.stat(DIGEST)).toMatchObject(isPlacedAt(world.clock.now()));
    });

    test('is not what the caller makes of its buffer afterwards', async () => {
      const mine = Uint8Array.from(HELLO);
      await using ingest = await store.begin();
      await ingest.append(mine);
      mine.fill(0);
      await ingest.commit(DIGEST);
      (await bytesOf(store, DIGEST)).fill(0);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });
  });

  describe('a blob that is opened', () => {
    test('gives the bytes of a range, its end not included', async () => {
      await commit(store, HELLO, DIGEST);
      expect(await bytesOf(store, DIGEST, { startByte: 0, endByte: 5 })).toEqual(encode('hello'));
      expect(await bytesOf(store, DIGEST, { startByte: 6, endByte: 11 })).toEqual(encode('world'));
      expect(await bytesOf(store, DIGEST, { startByte: 3, endByte: 3 })).toEqual(encode(''));
    });

    test.each([
      [-1, 5],
      [0, 12],
      [6, 5],
      [0.5, 5],
      [0, Number.NaN],
    ])('refuses the range from %d to %d', async (startByte, endByte) => {
      await commit(store, HELLO, DIGEST);
      await using blob = await store.open(DIGEST);
      expect(() => blob?.stream({ startByte, endByte })).toThrow('do not lie in a blob of 11 bytes');
      expect(() => blob?.slice({ startByte, endByte })).toThrow('do not lie in a blob of 11 bytes');
    });

    test('gives a slice of a file with the same bytes, where there is a file', async () => {
      await commit(store, HELLO, DIGEST);
      await using blob = await store.open(DIGEST);
      const slice = blob?.slice({ startByte: 6, endByte: 11 });
      if (slice === undefined) return;
      const buffer = Buffer.alloc(slice.endByte - slice.startByte);
      await slice.file.readv([buffer], slice.startByte);
      expect(buffer.toString()).toBe('world');
    });

    test('can be read to its end when it is deleted meanwhile', async () => {
      await commit(store, HELLO, DIGEST);
      await using blob = await store.open(DIGEST);
      await store.delete(DIGEST);
      world.clock.advance(1);
      await store.emptyTrash(new Date(world.clock.now()));
      expect(await readStream(blob!.stream())).toEqual(HELLO);
    });

    test('can be left alone, cancelled, and disposed twice', async () => {
      await commit(store, HELLO, DIGEST);
      const blob = await store.open(DIGEST);
      await blob?.stream().cancel();
      await blob?.[Symbol.asyncDispose]();
      await blob?.[Symbol.asyncDispose]();
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('is undefined when it is not there', async () => {
      expect(await store.stat(ABSENT)).toBeUndefined();
      expect(await store.open(ABSENT)).toBeUndefined();
    });
  });

  describe('an ingest', () => {
    test('that hashes to something else is refused, and leaves nothing', async () => {
      await using ingest = await store.begin();
      await ingest.append(HELLO);
      await expect(ingest.commit(ABSENT)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      expect(await store.stat(ABSENT)).toBeUndefined();
      expect(await store.stat(DIGEST)).toBeUndefined();
      await expectUnknown(ingest.id);
    });

    test('that hashes to something else leaves a blob that was there', async () => {
      await commit(store, HELLO, DIGEST);
      await using ingest = await store.begin();
      await ingest.append(encode('other'));
      await expect(ingest.commit(DIGEST)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('is no blob before its commit, and no ingest after it', async () => {
      await using ingest = await store.begin();
      await ingest.append(HELLO);
      expect(await store.stat(DIGEST)).toBeUndefined();
      expect(await digestsOf(store)).toEqual([]);
      await ingest.commit(DIGEST);
      await expectUnknown(ingest.id);
      await expect(ingest.append(HELLO)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      await expect(ingest.commit(DIGEST)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      await ingest.abort();
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('that is aborted leaves nothing', async () => {
      const ingest = await store.begin();
      await ingest.append(HELLO);
      await ingest.abort();
      await ingest.abort();
      await expectUnknown(ingest.id);
    });

    test('goes on elsewhere where it was left', async () => {
      const begun = await store.begin();
      await begun.append(encode('hello '));
      await begun[Symbol.asyncDispose]();
      const elsewhere = await world.open();
      expect(await elsewhere.statIngest(begun.id)).toMatchObject({ id: begun.id, sizeBytes: 6 });
      await using resumed = await elsewhere.resume(begun.id);
      expect(resumed.sizeBytes).toBe(6);
      await resumed.append(encode('world'));
      expect(resumed.sizeBytes).toBe(11);
      await resumed.commit(DIGEST);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('that another takes over is lost to who had it, whatever he still writes', async () => {
      await using slow = await store.begin();
      await slow.append(encode('hello '));
      await using quick = await (await world.open()).resume(slow.id);
      await quick.append(encode('wor'));
      await slow.append(encode('there'));
      await quick.append(encode('ld'));
      await quick.commit(DIGEST);
      await slow.append(encode(' and everywhere'));
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
      const everywhere = digestOf('hello there and everywhere');
      await expect(slow.commit(everywhere)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      expect(await digestsOf(store)).toEqual([DIGEST]);
    });

    test('that several take at the same moment is a blob in the end, and known no more', async () => {
      const begun = await store.begin();
      await begun.append(encode('hello '));
      await begun[Symbol.asyncDispose]();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 4 }, async () => {
          await using resumed = await (await world.open()).resume(begun.id);
          await resumed.append(HELLO.subarray(resumed.sizeBytes));
          await resumed.commit(DIGEST);
        }),
      );
      const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }): unknown => reason);
      for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
      expect(await Array.fromAsync(store.listIngests())).toEqual([]);
    });

    test('is looked at and listed without being taken from who has it', async () => {
      await using ingest = await store.begin();
      await using other = await store.begin();
      await ingest.append(encode('hello '));
      const elsewhere = await world.open();
      expect(await elsewhere.statIngest(ingest.id)).toMatchObject({ sizeBytes: 6, changedAt: expect.any(Date) });
      const listed = await Array.fromAsync(elsewhere.listIngests());
      expect(listed.map(({ id }) => id).toSorted()).toEqual([ingest.id, other.id].toSorted());
      await ingest.append(encode('world'));
      await ingest.commit(DIGEST);
      expect(await Array.fromAsync(elsewhere.listIngests())).toMatchObject([{ id: other.id, sizeBytes: 0 }]);
    });

    test('can be aborted by whoever knows its id', async () => {
      await using ingest = await store.begin();
      await ingest.append(HELLO);
      await (await world.open()).abortIngest(ingest.id);
      await expectUnknown(ingest.id);
      await expect(ingest.commit(DIGEST)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      expect(await store.stat(DIGEST)).toBeUndefined();
    });

    test.each(['', '.', '..', '../x', 'a/b', NO_ID, `${NO_ID}.${NO_ID}`, 'x'.repeat(9999), '\0'])(
      'that does not exist is unknown: %j',
      async (id) => {
        await expectUnknown(id);
        await store.abortIngest(id);
      },
    );

    async function expectUnknown(id: string): Promise<void> {
      expect(await store.statIngest(id)).toBeUndefined();
      await expect(store.resume(id)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    }
  });

  describe('a file that somebody else wrote', () => {
    test.each(['hello world', ''])('is adopted, and gone from where it was: "%s"', async (text) => {
      const file = path.join(folder.path, 'file');
      await writeFile(file, text);
      await store.adopt(digestOf(text, 'sha512'), file);
      expect(await bytesOf(store, digestOf(text, 'sha512'))).toEqual(encode(text));
      expect(existsSync(file)).toBe(false);
    });

    test('stays where it is when it hashes to something else', async () => {
      const file = path.join(folder.path, 'file');
      await writeFile(file, 'other');
      await expect(store.adopt(DIGEST, file)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      expect(await store.stat(DIGEST)).toBeUndefined();
      expect(existsSync(file)).toBe(true);
    });

    test('is adopted by whoever hashed it as he wrote it', async () => {
      const file = path.join(folder.path, 'file');
      await writeFile(file, HELLO);
      await store.adopt(DIGEST, file, DIGEST);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
      expect(existsSync(file)).toBe(false);
    });

    test('stays where it is when he says that it hashed to something else', async () => {
      const file = path.join(folder.path, 'file');
      await writeFile(file, 'other');
      const adopting = store.adopt(DIGEST, file, digestOf('other'));
      await expect(adopting).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      expect(await store.stat(DIGEST)).toBeUndefined();
      expect(existsSync(file)).toBe(true);
    });
  });

  deletedBlobContract(createWorld);

  describe('a blob that is suspected', () => {
    test('is moved aside when it hashes wrong, and can be committed anew', async () => {
      await commit(store, HELLO, DIGEST);
      await world.damage(DIGEST);
      expect(await store.quarantine(DIGEST)).toBe(true);
      expect(await store.stat(DIGEST)).toBeUndefined();
      expect(await digestsOf(store)).toEqual([]);
      expect(await store.restore(DIGEST)).toBe(false);
      await commit(store, HELLO, DIGEST);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });

    test('stays when it is sound, or absent', async () => {
      await commit(store, HELLO, DIGEST);
      expect(await store.quarantine(DIGEST)).toBe(false);
      expect(await store.quarantine(ABSENT)).toBe(false);
      expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    });
  });

  test('blobs are listed in order, in pages of a thousand, from any digest on', async () => {
    const texts = Array.from({ length: 1010 }, (_, index) => `blob ${index}`);
    const digests = texts.map((text, index) => digestOf(text, index % 4 === 0 ? 'sha512' : 'sha256'));
    for (const [index, text] of texts.entries()) await commit(store, encode(text), digests[index]!);
    const sorted = digests.toSorted();
    const pages = await Array.fromAsync(store.list());
    expect(pages.flat()).toEqual(sorted);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(1000);
    for (const index of [0, 300, 757, 758, 1008]) {
      expect(await digestsOf(store, sorted[index])).toEqual(sorted.slice(index + 1));
    }
    expect(await digestsOf(store, sorted.at(-1))).toEqual([]);
  });

  test('whatever is begun, appended, committed, aborted, deleted and taken back, in any order', async () => {
    await blobStoreModel(createWorld);
  });
}
