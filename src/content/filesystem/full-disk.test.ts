import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, commit, digestsOf, encode } from '../../../test/contract/blob-store-reading.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { skipNote } from '../../../test/support/programs/missing-programs.ts';
import { scratchFolder } from '../../../test/support/programs/scratch-folder.ts';
import { type SmallDisk, mountSmallDisk, whyNoSmallDisk } from '../../../test/support/programs/small-disk.ts';
import { digestOf } from '../../oci/digest.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { BlobStore } from '../blob-store.ts';

const noDisk = await whyNoSmallDisk();
const DISK_KIB = 1024;
const LARGE = new Uint8Array(2 * DISK_KIB * 1024).fill(7);
const SMALL = encode('small');

describe.skipIf(noDisk !== undefined)(`on a full disk${skipNote(noDisk)}`, () => {
  let disk: SmallDisk;
  let world: BlobFolderWorld;
  let store: BlobStore;

  beforeEach(async () => {
    disk = await mountSmallDisk(DISK_KIB);
    world = await blobFolderWorld(disk.path);
    store = await world.open();
    await commit(store, SMALL, digestOf(SMALL));
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
    await disk[Symbol.asyncDispose]();
  });

  async function expectNothingLeft(): Promise<void> {
    expect(await Array.fromAsync(store.listIngests())).toEqual([]);
    expect(await digestsOf(store)).toEqual([digestOf(SMALL)]);
    expect(await bytesOf(store, digestOf(SMALL))).toEqual(SMALL);
  }

  test('a blob that does not fit is refused in a sentence that says where, and gives back its room', async () => {
    const filling = commit(store, LARGE, digestOf(LARGE));
    await expect(filling).rejects.toThrow(UsageError);
    await expect(filling).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await expect(filling).rejects.toThrow(
      `${path.join(world.dataFolder, 'blobs-v1')} cannot take more, as its disk is full (ENOSPC); free some space`,
    );
    await expectNothingLeft();
  });

  test('the same blob is taken once there is room', async () => {
    await expect(commit(store, LARGE, digestOf(LARGE))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await disk.resize(4 * DISK_KIB);
    await commit(store, LARGE, digestOf(LARGE));
    expect(await store.stat(digestOf(LARGE))).toMatchObject({ sizeBytes: LARGE.byteLength });
  });

  test('a file from another disk that does not fit stays where it is', async () => {
    await using folder = await scratchFolder('elsewhere');
    const file = path.join(folder.path, 'file');
    await writeFile(file, LARGE);
    await expect(store.adopt(digestOf(LARGE), file)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(existsSync(file)).toBe(true);
    await expectNothingLeft();
  });

  test('a file from another disk that fits is adopted', async () => {
    await using folder = await scratchFolder('elsewhere');
    const file = path.join(folder.path, 'file');
    await writeFile(file, 'from elsewhere');
    await store.adopt(digestOf('from elsewhere'), file);
    expect(await bytesOf(store, digestOf('from elsewhere'))).toEqual(encode('from elsewhere'));
    expect(existsSync(file)).toBe(false);
  });
});
