import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startProgram } from '../../test/support/programs/program.ts';
import { type ScratchFolder, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { FileLock } from './file-lock.ts';
import { FileLockFolder } from './file-lock-folder.ts';

const MODULES = JSON.stringify(import.meta.dirname);
/**
 * Takes one lock again and again, and while it has it makes a file that nobody else may have made. Prints how often it
 * had it, and fails when two have it.
 */
const TAKE_IN_TURNS = `
  const { FileLockFolder } = await import(${MODULES} + '/file-lock-folder.ts');
  const { mkdirSync, rmdirSync } = await import('node:fs');
  const [folder, rounds] = process.argv.slice(1);
  const locks = new FileLockFolder(folder);
  for (let had = 0; had < Number(rounds); ) {
    using lock = locks.take('name');
    if (lock === undefined) continue;
    mkdirSync(folder + '/held');
    rmdirSync(folder + '/held');
    had += 1;
  }
  console.log('had it');`;

let folder: ScratchFolder;

beforeEach(async () => {
  folder = await scratchFolder('locks');
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

describe('a lock on a file', () => {
  test('is held by one, until he gives it back', () => {
    const file = path.join(folder.path, 'lock');
    const lock = FileLock.take(file);
    expect(lock).toBeDefined();
    expect(FileLock.take(file)).toBeUndefined();
    lock![Symbol.dispose]();
    lock![Symbol.dispose]();
    using again = FileLock.take(file);
    expect(again).toBeDefined();
  });
});

describe('locks by name', () => {
  test('are held by one each, and leave no file', async () => {
    const locks = [new FileLockFolder(folder.path), new FileLockFolder(folder.path)] as const;
    const a = locks[0].take('a');
    expect(locks[1].take('a')).toBeUndefined();
    const b = locks[1].take('b');
    expect(await readdir(folder.path)).toEqual(['a.lock', 'b.lock', 'locks.guard']);
    a![Symbol.dispose]();
    const again = locks[1].take('a');
    // What is given back twice is not given back for its next holder.
    a![Symbol.dispose]();
    expect(locks[0].take('a')).toBeUndefined();
    again![Symbol.dispose]();
    b![Symbol.dispose]();
    expect(await readdir(folder.path)).toEqual(['locks.guard']);
  });

  test('come back when their holder is killed', async () => {
    const hold = `
      const { FileLockFolder } = await import(${MODULES} + '/file-lock-folder.ts');
      globalThis.lock = new FileLockFolder(process.argv[1]).take('a');
      console.log('held');
      setInterval(() => {}, 1000);`;
    await using program = await startProgram(process.execPath, ['--input-type=module', '-e', hold, folder.path]);
    await program.firstLine;
    const locks = new FileLockFolder(folder.path);
    expect(locks.take('a')).toBeUndefined();
    program.kill('SIGKILL');
    await program.exited;
    using lock = locks.take('a');
    expect(lock).toBeDefined();
  });

  test('are never two, on a file that goes and on the one that comes after it', async () => {
    const args = ['--input-type=module', '-e', TAKE_IN_TURNS, folder.path, '60'];
    const programs = await Promise.all(Array.from({ length: 3 }, () => startProgram(process.execPath, args)));
    for (const { code, stdout, stderr } of await Promise.all(programs.map(({ exited }) => exited))) {
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'had it\n', stderr: '' });
    }
    expect(await readdir(folder.path)).toEqual(['locks.guard']);
  });
});
