import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningProgram, startProgram } from '../../test/support/programs/program.ts';
import { type ScratchFolder, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { ScratchFolders } from './scratch-folders.ts';

let parent: ScratchFolder;
beforeEach(async () => void (parent = await scratchFolder('scratches')));
afterEach(() => parent[Symbol.asyncDispose]());

/** A process that makes one, writes to it, and prints where. */
async function startOwner(): Promise<RunningProgram> {
  const source = pathToFileURL(path.join(import.meta.dirname, 'scratch-folders.ts')).href;
  const program = `
    import { writeFileSync } from 'node:fs';
    import { ScratchFolders } from '${source}';
    const folder = await new ScratchFolders(process.argv[1]).make();
    writeFileSync(folder + '/layer', 'half');
    console.log(folder);
    setInterval(() => {}, 1000);
  `;
  return await startProgram(process.execPath, ['--input-type=module', '--eval', program, parent.path]);
}

test('folders are empty, apart from each other, and gone in the end', async () => {
  {
    await using folders = new ScratchFolders(parent.path);
    const made = [await folders.make(), await folders.make()];
    expect(new Set(made).size).toBe(2);
    for (const folder of made) expect(readdirSync(folder)).toEqual([]);
    writeFileSync(path.join(made[0] ?? '', 'layer'), 'half');
  }
  expect(readdirSync(parent.path)).toEqual([]);
});

test('what a killed process left is removed by the next that makes one; what a living one has stays', async () => {
  await using killed = await startOwner();
  await using living = await startOwner();
  const [left, inUse] = [await killed.firstLine, await living.firstLine];
  killed.kill('SIGKILL');
  await killed.exited;
  expect(existsSync(path.join(left, 'layer'))).toBe(true);
  await using folders = new ScratchFolders(parent.path);
  const own = await folders.make();
  expect(existsSync(path.dirname(left))).toBe(false);
  expect([own, inUse].map((folder) => existsSync(folder))).toEqual([true, true]);
  expect(readdirSync(parent.path)).toHaveLength(2);
});

test('what only looks like one stays: a link, a file, a folder without a lock', async () => {
  const at = (...names: readonly string[]) => path.join(parent.path, ...names);
  for (const folder of ['wharf-scratch-mine', 'elsewhere']) mkdirSync(at(folder));
  writeFileSync(at('elsewhere', 'lock'), 'no database');
  writeFileSync(at('wharf-scratch-file'), '');
  symlinkSync(at('elsewhere'), at('wharf-scratch-link'));
  const before = readdirSync(parent.path);
  {
    await using folders = new ScratchFolders(parent.path);
    await folders.make();
  }
  expect(readdirSync(parent.path)).toEqual(before);
  expect(readdirSync(at('elsewhere'))).toEqual(['lock']);
});
