// What another does to an ingest between any two calls to the disk with which one takes it.
import fs from 'node:fs';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { encode } from '../../../test/contract/blob-store-reading.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { digestOf } from '../../oci/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import type { Ingest } from '../ingest.ts';

const HELLO = encode('hello world');

let world: BlobFolderWorld;
let here: BlobStore;
let there: BlobStore;
beforeEach(async () => {
  world = await blobFolderWorld();
  here = await world.open();
  there = await world.open();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Takes an ingest whose holder lives, once for each call to the disk that this needs, with `meanwhile` before it. */
async function takeInterrupted(
  meanwhile: (held: Ingest) => PromiseLike<unknown>,
  check: (taken: PromiseSettledResult<Ingest>, id: string) => Promise<void>,
): Promise<void> {
  let calls = 0;
  for (let isInterrupted = true; isInterrupted; calls += 1) {
    await using held = await here.begin();
    await held.append(HELLO);
    const disk = interruptDisk(calls, () => meanwhile(held));
    const [taken] = await Promise.allSettled([there.resume(held.id)]).finally(disk.restore);
    isInterrupted = disk.wasInterrupted();
    if (isInterrupted) await check(taken, held.id);
    if (taken.status === 'fulfilled') await taken.value.abort();
    await there.abortIngest(held.id);
  }
  expect(calls).toBeGreaterThan(5);
}

async function expectWhole(taken: PromiseSettledResult<Ingest>, id: string): Promise<void> {
  expect(taken).toMatchObject({ status: 'fulfilled', value: { sizeBytes: HELLO.byteLength } });
  expect(await filesOf(id)).toHaveLength(1);
}

async function filesOf(id: string): Promise<readonly string[]> {
  const folder = path.join(world.dataFolder, 'blobs-v1', 'uploads', id.slice(0, 2));
  const names = await readdir(folder);
  return names.filter((name) => name.startsWith(id)).map((name) => path.join(folder, name));
}

test('an ingest whose holder lets go while another takes it is there once, whole', async () => {
  await takeInterrupted((held) => held[Symbol.asyncDispose](), expectWhole);
});

test('an ingest that a third one takes and lets go meanwhile is there once, whole', async () => {
  await takeInterrupted(async ({ id }) => {
    await using _third = await here.resume(id);
  }, expectWhole);
});

test('an ingest that its holder commits while another takes it is a blob, or goes on with whoever took it', async () => {
  const commit = async (held: Ingest) => await held.commit(digestOf(HELLO)).catch(() => undefined);
  await takeInterrupted(commit, async (taken, id) => {
    const blob = await there.delete(digestOf(HELLO));
    if (blob === undefined) return await expectWhole(taken, id);
    expect(taken).toMatchObject({ status: 'rejected', reason: { code: 'BLOB_UPLOAD_UNKNOWN' } });
    expect(await filesOf(id)).toEqual([]);
  });
});

test('an ingest is found at any time while its holder lets go of it, or another takes it', async () => {
  await using others = new AsyncDisposableStack();
  const take = async ({ id }: Ingest) => void others.use(await here.resume(id));
  for (const change of [take, (held: Ingest) => held[Symbol.asyncDispose]()]) {
    for (let calls = 0, isInterrupted = true; isInterrupted; calls += 1) {
      await using held = await here.begin();
      await held.append(HELLO);
      const disk = interruptDisk(calls, () => change(held));
      expect(await there.statIngest(held.id).finally(disk.restore)).toMatchObject({ sizeBytes: HELLO.byteLength });
      isInterrupted = disk.wasInterrupted();
    }
  }
});

test('an ingest whose holder was killed in its commit goes on', async () => {
  await using begun = await here.begin();
  await begun.append(HELLO.subarray(0, 6));
  const [held = ''] = await filesOf(begun.id);
  await chmod(held, 0o444);
  await using resumed = await there.resume(begun.id);
  const [taken = ''] = await filesOf(begun.id);
  expect((await stat(taken)).mode & 0o777).toBe(0o600);
  await resumed.append(HELLO.subarray(6));
  await resumed.commit(digestOf(HELLO));
});

test('a copy that was not finished is not gone on with, and goes with the ingest', async () => {
  const begun = await here.begin();
  await begun.append(HELLO);
  const [held = ''] = await filesOf(begun.id);
  await writeFile(held.replace(/[^.]*$/, `${crypto.randomUUID()}.copy`), 'hel');
  await begun[Symbol.asyncDispose]();
  await using taken = await there.resume(begun.id);
  expect(taken.sizeBytes).toBe(HELLO.byteLength);
  expect(await there.statIngest(begun.id)).toMatchObject({ sizeBytes: HELLO.byteLength });
  expect(new Set((await Array.fromAsync(there.listIngests())).map(({ sizeBytes }) => sizeBytes))).toEqual(
    new Set([11, 3]),
  );
  await there.abortIngest(begun.id);
  expect(await Array.fromAsync(there.listIngests())).toEqual([]);
});

test('to find one ingest that is held, the names of few others are read', async () => {
  await using held = await here.begin();
  const uploads = path.join(world.dataFolder, 'blobs-v1', 'uploads');
  for (let count = 0; count < 2000; count += 1) {
    const id = crypto.randomUUID();
    fs.mkdirSync(path.join(uploads, id.slice(0, 2)), { recursive: true });
    fs.writeFileSync(path.join(uploads, id.slice(0, 2), id), '');
  }
  const opened = vi.spyOn(fs.promises, 'opendir');
  syncBuiltinESMExports();
  expect(await there.statIngest(held.id)).toMatchObject({ id: held.id });
  const names = opened.mock.calls.flatMap(([folder]) => fs.readdirSync(folder));
  opened.mockRestore();
  syncBuiltinESMExports();
  expect(names.length).toBeGreaterThan(0);
  expect(names.length).toBeLessThan(100);
});

/** Runs `meanwhile` once, before the call to the disk that comes after so many. */
function interruptDisk(afterCalls: number, meanwhile: () => PromiseLike<unknown>) {
  const names = ['open', 'rename', 'rm', 'lstat', 'opendir', 'copyFile', 'chmod'] as const;
  const disk: Record<string, (...args: never[]) => Promise<unknown>> = fs.promises as never;
  const originals = names.map((name) => [name, disk[name]!] as const);
  let left = afterCalls;
  for (const [name, original] of originals) {
    disk[name] = async (...args) => {
      if ((left -= 1) === -1) await meanwhile();
      return await original(...args);
    };
  }
  syncBuiltinESMExports();
  const restore = () => {
    Object.assign(disk, Object.fromEntries(originals));
    syncBuiltinESMExports();
  };
  return { restore, wasInterrupted: () => left < 0 };
}
