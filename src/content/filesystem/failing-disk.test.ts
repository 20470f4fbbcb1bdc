import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, commit, digestsOf, encode } from '../../../test/contract/blob-store-reading.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { type DiskCall, FailingDisk } from '../../../test/support/content/failing-disk.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { BlobStore } from '../blob-store.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const OLD = encode('acknowledged');

let world: BlobFolderWorld;
let store: BlobStore;
let disk: FailingDisk;

beforeEach(async () => {
  world = await blobFolderWorld();
  store = await world.open();
  await commit(store, OLD, digestOf(OLD));
  disk = await FailingDisk.install();
});
afterEach(async () => {
  disk[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

async function expectFailing(work: Promise<unknown>): Promise<void> {
  await expect(work).rejects.toThrow(UsageError);
  await expect(work).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
  await expect(work).rejects.toThrow(/blobs-v1 cannot be used \(EIO\); check its permissions and its disk/);
}

/** What is there is what it is called, and the disk is used again as if nothing had been. */
async function expectSound(): Promise<void> {
  for (const digest of await digestsOf(store)) expect(digestOf(await bytesOf(store, digest))).toBe(digest);
  expect(await bytesOf(store, digestOf(OLD))).toEqual(OLD);
  await commit(store, HELLO, DIGEST);
  expect(await bytesOf(store, DIGEST)).toEqual(HELLO);
  expect(await Array.fromAsync(store.listIngests())).toEqual([]);
}

describe('on a disk that fails', () => {
  test.each<DiskCall>(['open', 'write', 'chmod', 'utimes', 'sync', 'rename'])(
    'a blob is not taken when %s does, and is when it works again',
    async (call) => {
      disk.breakDown(call);
      await expectFailing(commit(store, HELLO, DIGEST));
      disk.recover();
      expect(await store.stat(DIGEST)).toBeUndefined();
      await expectSound();
    },
  );

  test.each<[DiskCall, (store: BlobStore) => Promise<unknown>]>([
    ['open', (store) => store.open(digestOf(OLD))],
    ['read', (store) => bytesOf(store, digestOf(OLD))],
    ['read', (store) => store.quarantine(digestOf(OLD))],
    ['lstat', (store) => store.stat(digestOf(OLD))],
    ['readdir', digestsOf],
    ['lstatSync', (store) => store.delete(digestOf(OLD))],
    ['lutimesSync', (store) => store.delete(digestOf(OLD))],
    ['rename', (store) => store.delete(digestOf(OLD))],
    ['opendir', (store) => store.emptyTrash(new Date(8e15))],
    ['opendir', (store) => Array.fromAsync(store.listTrash())],
    ['opendir', (store) => Array.fromAsync(store.listIngests())],
  ])('who needs %s is told, and nothing is lost: %#', async (call, work) => {
    disk.breakDown(call);
    await expectFailing(work(store));
    disk.recover();
    await expectSound();
  });

  test('a blob that cannot be taken back stays in the trash, and comes back later', async () => {
    await store.delete(digestOf(OLD));
    disk.breakDown('rename');
    await expectFailing(store.restore(digestOf(OLD)));
    disk.breakDown('unlink');
    world.clock.advance(1);
    await expectFailing(store.emptyTrash(new Date(world.clock.now())));
    disk.recover();
    expect(await store.restore(digestOf(OLD))).toBe(true);
    await expectSound();
  });

  test('whichever call fails, what was acknowledged is there, and nothing that is wrong', async () => {
    for (let calls = 0; ; calls += 1) {
      const wasDue = disk.failOnce(calls);
      const acknowledged = await commitSome();
      if (!wasDue()) break;
      disk.recover();
      const present = await digestsOf(store);
      expect([...acknowledged].filter((digest) => !present.includes(digest))).toEqual([]);
      for (const { id } of await Array.fromAsync(store.listIngests())) await store.abortIngest(id);
      await expectSound();
      for (const digest of await digestsOf(store)) if (digest !== digestOf(OLD)) await store.delete(digest);
    }
  });
});

/** In all ways, one after the other; gives what was acknowledged. */
async function commitSome(): Promise<ReadonlySet<Digest>> {
  const acknowledged = new Set<Digest>();
  const attempt = async (work: () => Promise<Digest>) => {
    try {
      acknowledged.add(await work());
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  };
  await attempt(async () => {
    await commit(store, encode('at once'), digestOf('at once'));
    return digestOf('at once');
  });
  await attempt(async () => {
    await using begun = await store.begin('sha512');
    await begun.append(encode('resumed '));
    await begun[Symbol.asyncDispose]();
    await using ingest = await store.resume(begun.id);
    await ingest.append(encode('later'));
    await ingest.commit(digestOf('resumed later'));
    return digestOf('resumed later');
  });
  await attempt(async () => {
    await commit(store, HELLO, DIGEST);
    if (await store.delete(DIGEST)) await store.restore(DIGEST);
    return DIGEST;
  });
  return acknowledged;
}
