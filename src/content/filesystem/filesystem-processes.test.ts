// What several processes on one data folder do to each other, and what a killed one leaves.
import path from 'node:path';
import { expect, test } from 'vitest';
import { bytesOf, digestsOf } from '../../../test/contract/blob-store-reading.ts';
import { beginningOf, lengthsOf } from '../../../test/support/content/beginnings.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { type RunningProgram, startProgram } from '../../../test/support/programs/program.ts';
import { digestOf, parseDigest } from '../../oci/digest.ts';
import type { BlobStore } from '../blob-store.ts';
import type { IngestStatus } from '../ingest.ts';

const PROGRAM = path.join(import.meta.dirname, '../../../test/support/content/main.ts');

interface Work {
  readonly seed: number;
  readonly count: number;
  readonly silent: number;
}

async function start(world: BlobFolderWorld, { seed, count, silent }: Work): Promise<RunningProgram> {
  const args = [PROGRAM, world.dataFolder, String(seed), String(count), String(silent)];
  return await startProgram(process.execPath, args);
}

/** Reads and hashes all that is there. */
async function expectSound(store: BlobStore): Promise<void> {
  for (const digest of await digestsOf(store)) expect(digestOf(await bytesOf(store, digest))).toBe(digest);
}

const ROUNDS = 8;
const ROUNDS_TO_HIT = 50;

test('killed at any point, again and again: what was committed is there, and nothing that is wrong', async () => {
  await using world = await blobFolderWorld();
  const store = await world.open();
  for (let round = 0; round < ROUNDS; round += 1) {
    await using program = await start(world, {
      seed: round,
      count: 100_000,
      silent: 1 + Math.floor(Math.random() * 60),
    });
    await program.firstLine;
    program.kill('SIGKILL');
    const { stdout } = await program.exited;
    const committed = stdout.slice(0, stdout.lastIndexOf('\n')).split(/\s/).map(parseDigest);
    const present = new Set(await digestsOf(store));
    expect(committed.filter((digest) => !present.has(digest))).toEqual([]);
  }
  await expectSound(store);
});

test('what a killed process had begun can be gone on with', async () => {
  await using world = await blobFolderWorld();
  const store = await world.open();
  let begun: readonly IngestStatus[] = [];
  // Between two blobs it has begun nothing.
  for (let round = 1; round <= ROUNDS_TO_HIT && begun.length === 0; round += 1) {
    await using program = await start(world, { seed: round, count: 100_000, silent: 10 });
    await program.firstLine;
    program.kill('SIGKILL');
    await program.exited;
    begun = await Array.fromAsync(store.listIngests());
  }
  expect(begun.length).toBeGreaterThan(0);
  for (const { id, sizeBytes } of begun) {
    await using ingest = await store.resume(id);
    expect(ingest.sizeBytes).toBe(sizeBytes);
    const whole = beginningOf(sizeBytes + 10);
    await ingest.append(whole.subarray(sizeBytes));
    await ingest.commit(digestOf(whole));
  }
  expect(await Array.fromAsync(store.listIngests())).toEqual([]);
  await expectSound(store);
});

test('two that commit the same blobs at the same time both succeed', async () => {
  await using world = await blobFolderWorld();
  const work = { seed: 3, count: 80, silent: 80 };
  await using one = await start(world, work);
  await using other = await start(world, work);
  for (const { code, stderr } of [await one.exited, await other.exited])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const store = await world.open();
  const expected = lengthsOf(work.seed, work.count).map((length) => digestOf(beginningOf(length)));
  expect(await digestsOf(store)).toEqual([...new Set(expected)].toSorted());
  expect(await Array.fromAsync(store.listIngests())).toEqual([]);
  await expectSound(store);
});
