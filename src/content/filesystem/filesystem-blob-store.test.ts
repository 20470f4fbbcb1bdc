import { readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blobStoreContract } from '../../../test/contract/blob-store.ts';
import { bytesOf, commit, digestsOf, encode, readStream } from '../../../test/contract/blob-store-reading.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { runProgram } from '../../../test/support/programs/program.ts';
import { bulkStorage } from '../../../test/support/programs/scratch-folder.ts';
import { digestOf } from '../../oci/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import { StorageError } from '../storage-error.ts';
import { FilesystemBlobStore } from './filesystem-blob-store.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);

describe('a store of files', () => {
  blobStoreContract(() => blobFolderWorld(bulkStorage));

  let world: BlobFolderWorld;
  let store: BlobStore;
  let file: string;

  beforeEach(async () => {
    world = await blobFolderWorld();
    store = await world.open();
    file = world.fileOf(DIGEST);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const inside = (...names: readonly string[]) => path.join(world.dataFolder, 'blobs-v1', ...names);

  test('has a blob in a read-only file, two folders down', async () => {
    await commit(store, HELLO, DIGEST);
    expect(file).toMatch(/blobs-v1\/sha256\/b9\/4d\/b94d27b9[0-9a-f]{56}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o444);
    expect(await readFile(file, 'utf8')).toBe('hello world');
    expect(await Array.fromAsync(store.listIngests())).toEqual([]);
  });

  test('gives an adopted file the same mode', async () => {
    await writeFile(inside('file'), HELLO, { mode: 0o600 });
    await store.adopt(DIGEST, inside('file'));
    expect((await stat(file)).mode & 0o777).toBe(0o444);
  });

  test('keeps what hashed wrong for whoever wants to look', async () => {
    await commit(store, HELLO, DIGEST);
    await world.damage(DIGEST);
    await store.quarantine(DIGEST);
    const [name = ''] = await readdir(inside('quarantine'));
    expect(name.startsWith(DIGEST.replace(':', '-'))).toBe(true);
    expect(await readFile(inside('quarantine', name), 'utf8')).toBe('iello world');
  });

  test('neither lists nor removes what it did not put there', async () => {
    await commit(store, HELLO, DIGEST);
    await store.delete(DIGEST);
    await store.restore(DIGEST);
    const hex = DIGEST.slice('sha256:'.length);
    const elsewhere = digestOf('another').slice('sha256:'.length);
    const strangers = [
      path.join(path.dirname(file), '.nfs0001'),
      path.join(path.dirname(file), elsewhere),
      inside('sha256', 'lost+found'),
      inside('uploads', 'README'),
      inside('uploads', `${elsewhere}.x`),
      inside('trash', 'notes'),
      inside('trash', `sha512-${hex}`),
    ];
    for (const stranger of strangers) await writeFile(stranger, 'mine');
    expect(await digestsOf(store)).toEqual([DIGEST]);
    expect(await Array.fromAsync(store.listIngests())).toEqual([]);
    expect(await store.emptyTrash(new Date(8e15))).toEqual({ blobs: 0, sizeBytes: 0 });
    for (const stranger of strangers) expect(await readFile(stranger, 'utf8')).toBe('mine');
  });

  test('does not follow a link in the place of a blob, and replaces it', async () => {
    await commit(store, HELLO, DIGEST);
    await rm(file);
    await writeFile(inside('secret'), 'secret');
    await symlink(inside('secret'), file);
    expect(await store.stat(DIGEST)).toBeUndefined();
    expect(await store.open(DIGEST)).toBeUndefined();
    expect(await store.delete(DIGEST)).toBeUndefined();
    expect(await digestsOf(store)).toEqual([]);
    await commit(store, HELLO, DIGEST);
    expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
    expect(await readFile(inside('secret'), 'utf8')).toBe('secret');
  });

  test('does not wait for the other end of a pipe in the place of a blob', async () => {
    await commit(store, HELLO, DIGEST);
    await rm(file);
    expect(await runProgram('mkfifo', [file])).toMatchObject({ code: 0 });
    expect(await store.stat(DIGEST)).toBeUndefined();
    expect(await store.open(DIGEST)).toBeUndefined();
    expect(await store.quarantine(DIGEST)).toBe(false);
  });

  test('does not adopt what a link leads to', async () => {
    await writeFile(inside('target'), HELLO);
    await symlink(inside('target'), inside('link'));
    await expect(store.adopt(DIGEST, inside('link'))).rejects.toThrow('link, to be kept as sha256:b94d');
    expect(await store.stat(DIGEST)).toBeUndefined();
  });

  test('fails in the middle of a blob that became shorter, rather than end well', async () => {
    const large = new Uint8Array(600_000);
    await commit(store, large, digestOf(large));
    await using blob = await store.open(digestOf(large));
    await truncate(world.fileOf(digestOf(large)), 300_000);
    await expect(readStream(blob!.stream())).rejects.toThrow('ends at byte 300000, and had 600000 before');
  });

  test('says what a person has to do about a folder that is none', async () => {
    await rm(inside(), { recursive: true });
    await writeFile(inside(), '');
    const opening = FilesystemBlobStore.open(world.dataFolder, { now: () => 0 });
    await expect(opening).rejects.toThrow(StorageError);
    await expect(opening).rejects.toThrow(/blobs-v1 cannot be used \(EEXIST\); check its permissions and its disk/);
    await expect(store.begin()).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
    await expect(store.stat(DIGEST)).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
    await expect(digestsOf(store)).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
    await expect(Array.fromAsync(store.listIngests())).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
  });
});
