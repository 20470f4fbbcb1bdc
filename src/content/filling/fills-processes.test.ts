// What several processes on one data folder do when they want the same blobs, and what a killed one leaves.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bytesOf, digestsOf } from '../../../test/contract/blob-store-reading.ts';
import { beginningOf } from '../../../test/support/content/beginnings.ts';
import { type BlobFolderWorld, blobFolderWorld } from '../../../test/support/content/blob-folder-world.ts';
import { type FillingServer, startFillingServer } from '../../../test/support/content/filling-server.ts';
import { type RunningProgram, startProgram } from '../../../test/support/programs/program.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';

const PROGRAM = path.join(import.meta.dirname, '../../../test/support/content/filling-main.ts');
const BYTES = beginningOf(120_000);
const DIGEST = digestOf(BYTES);
const HALF = 60_000;

let world: BlobFolderWorld;
let programs: RunningProgram[];

beforeEach(async () => {
  world = await blobFolderWorld();
  programs = [];
});
afterEach(async () => {
  for (const program of programs) program.kill('SIGKILL');
  await Promise.all(programs.map(({ exited }) => exited));
  await world[Symbol.asyncDispose]();
});

interface Wanting {
  readonly digests?: readonly Digest[];
  readonly how?: 'well' | 'before-adopting';
}

async function start(server: FillingServer, wanting: Wanting = {}): Promise<RunningProgram> {
  const { digests = [DIGEST], how = 'well' } = wanting;
  const program = await startProgram(process.execPath, [PROGRAM, world.dataFolder, server.url, how, ...digests]);
  programs.push(program);
  return program;
}

/** All of it is in its place, and nothing else is left. */
async function expectKept(): Promise<void> {
  const store = await world.open();
  for (const digest of await digestsOf(store)) expect(digestOf(await bytesOf(store, digest))).toBe(digest);
  expect(await store.stat(DIGEST)).toMatchObject({ sizeBytes: BYTES.byteLength });
  expect(await readdir(path.join(world.dataFolder, 'filling-v1'))).toEqual(['locks.guard']);
}

test('what one process fetches, others read as it comes', async () => {
  await using server = await startFillingServer({ blobs: [BYTES], holdAt: HALF });
  const leader = await start(server);
  expect(await leader.firstLine).toBe('led');
  const followers = [await start(server), await start(server)];
  for (const { firstLine } of followers) expect(await firstLine).toBe('followed');
  server.release();
  for (const { exited } of [leader, ...followers]) {
    expect(await exited).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(`\n${DIGEST}\n`) });
  }
  expect(server.asked).toEqual(new Map([[DIGEST, [0]]]));
  await expectKept();
});

test('when the one that fetches is killed, one of the others goes on, and no reader notices', async () => {
  await using server = await startFillingServer({ blobs: [BYTES], holdAt: HALF });
  const leader = await start(server);
  await leader.firstLine;
  const followers = [await start(server), await start(server)];
  for (const { firstLine } of followers) expect(await firstLine).toBe('followed');
  leader.kill('SIGKILL');
  await leader.exited;
  server.release();
  for (const { exited } of followers) {
    expect(await exited).toMatchObject({ code: 0, stderr: '', stdout: `followed\n${DIGEST}\n` });
  }
  expect(server.asked).toEqual(new Map([[DIGEST, [0, HALF - 1]]]));
  await expectKept();
});

test('a blob whose process was killed when it had hashed right is not fetched again', async () => {
  await using server = await startFillingServer({ blobs: [BYTES], holdAt: HALF });
  const leader = await start(server, { how: 'before-adopting' });
  await leader.firstLine;
  const follower = await start(server);
  expect(await follower.firstLine).toBe('followed');
  server.release();
  expect((await leader.exited).code).toBe(128 + 9);
  expect(await follower.exited).toMatchObject({ code: 0, stderr: '', stdout: `followed\n${DIGEST}\n` });
  const next = await start(server);
  expect(await next.exited).toMatchObject({ code: 0, stderr: '', stdout: `stored\n${DIGEST}\n` });
  expect(server.asked).toEqual(new Map([[DIGEST, [0]]]));
  await expectKept();
});

test('of many that want the same blobs at the same moment, one fetches each', async () => {
  const blobs = Array.from({ length: 12 }, (_, index) => beginningOf(index * 10_000));
  const digests = blobs.map((bytes) => digestOf(bytes));
  await using server = await startFillingServer({ blobs });
  await Promise.all(Array.from({ length: 4 }, () => start(server, { digests })));
  for (const { exited } of programs) {
    const { code, stdout, stderr } = await exited;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').filter((line) => line.startsWith('sha256:'))).toEqual(digests);
  }
  expect(server.asked).toEqual(new Map(digests.map((digest) => [digest, [0]])));
  expect(await digestsOf(await world.open())).toEqual(digests.toSorted());
  expect(await readdir(path.join(world.dataFolder, 'filling-v1'))).toEqual(['locks.guard']);
});

test('killed again and again, each goes on where the last one was, and the blob comes at last', async () => {
  await using server = await startFillingServer({ blobs: [BYTES], holdAt: HALF });
  for (let round = 0; round < 4; round += 1) {
    const program = await start(server);
    expect(await program.firstLine).toBe('led');
    program.kill('SIGKILL');
    await program.exited;
  }
  server.release();
  const last = await start(server);
  expect(await last.exited).toMatchObject({ code: 0, stderr: '', stdout: `led\n${DIGEST}\n` });
  const asked = server.asked.get(DIGEST)!;
  expect(asked).toEqual(asked.toSorted((a, b) => a - b));
  expect(asked.at(-1)).toBeGreaterThan(0);
  await expectKept();
});
