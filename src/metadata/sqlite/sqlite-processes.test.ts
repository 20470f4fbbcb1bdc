// What several processes on one database do to each other, and what one leaves that is killed.
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blob, image } from '../../../test/support/metadata/content.ts';
import { TemporaryMetadata } from '../../../test/support/metadata/temporary-metadata.ts';
import { type RunningProgram, startProgram } from '../../../test/support/programs/program.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';

const PROGRAM = path.join(import.meta.dirname, '../../../test/support/metadata/main.ts');
const repository = parseRepositoryName('shared');
let temporary: TemporaryMetadata;
let programs: RunningProgram[];

beforeEach(() => {
  temporary = new TemporaryMetadata();
  programs = [];
});
afterEach(async () => {
  await killAll();
  await temporary[Symbol.asyncDispose]();
});

/** Starts processes that begin together, and gives the first line of each. */
async function start(task: string, count: number): Promise<readonly unknown[]> {
  const args = [PROGRAM, task, temporary.dataFolder, String(count)];
  const started = await Promise.all(Array.from({ length: count }, () => startProgram(process.execPath, args)));
  programs.push(...started);
  const lines = await Promise.all(started.map((program) => program.firstLine));
  return lines.map((line): unknown => JSON.parse(line));
}

/** Gives all that they printed. */
async function killAll(): Promise<string> {
  for (const program of programs) program.kill('SIGKILL');
  const exits = await Promise.all(programs.map((program) => program.exited));
  return exits.map(({ stdout }) => stdout).join('');
}

test('processes that open new metadata at the same moment all have it', async () => {
  expect(await start('open', 4)).toEqual(Array.from({ length: 4 }, () => 'opened'));
});

test('of all processes that move an upload on from the same byte, one does', async () => {
  const store = await temporary.open();
  await store.beginUpload({ id: 'shared', repository });
  const moved = (await start('advance', 2)).map(Number);
  expect(moved.reduce((sum, one) => sum + one, 0)).toBe(200);
  expect((await store.upload('shared'))?.offset).toBe(200);
});

test('nothing that was acknowledged is lost when processes are killed, and nothing is there by halves', async () => {
  const acknowledged = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    programs = [];
    await start('push', 2);
    // The last line may be cut off in the middle.
    const lines = (await killAll()).split('\n').filter((line) => line.endsWith('"'));
    for (const line of lines) acknowledged.add(JSON.parse(line) as string);
    const store = await temporary.open();
    for (const name of acknowledged) {
      const layer = blob(`layer of ${name}`);
      const { digest, bytes } = image(name, [layer]);
      expect(await store.resolveTag(repository, parseTag(name))).toMatchObject({ digest });
      expect(Buffer.from((await store.manifest(repository, digest))!.bytes)).toEqual(bytes);
      expect(await store.statBlob(repository, layer.digest)).toEqual(layer);
    }
    // At most one image a process that was on disk when the kill came before the line.
    const tags = (await store.listTags(repository, { limit: 1_000_000 })) ?? [];
    expect(tags.length - acknowledged.size - 1).toBeLessThanOrEqual(2 * (round + 1));
    for (const tag of tags) {
      const descriptor = await store.resolveTag(repository, tag);
      expect(await store.manifest(repository, descriptor!.digest)).toBeDefined();
    }
  }
  expect(acknowledged.size).toBeGreaterThanOrEqual(10);
});
