import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScratchRepository, runGit } from '../../../test/support/library/scratch-repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { openLibrary } from './open-library.ts';

let folder: string;
let upstream: ScratchRepository;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-remote-'));
  upstream = new ScratchRepository(join(folder, 'tools.git'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const NOON = new Date('2026-08-21T12:00:00Z');

async function read(
  revision?: string,
  { repository = `file://${upstream.folder}`, now = NOON, signal = undefined as AbortSignal | undefined } = {},
) {
  const library = await openLibrary({ repository, revision, cacheDirectory: join(folder, 'cache'), now: () => now });
  return library.read({ signal });
}

/** The one copy that was made. */
async function copyFolder(): Promise<string> {
  const [name = '', ...more] = await readdir(join(folder, 'cache', 'git-v1'));
  expect(more).toEqual([]);
  return join(folder, 'cache', 'git-v1', name);
}

async function copy(...args: string[]): Promise<string> {
  return runGit(`--git-dir=${await copyFolder()}`, '-c', `remote.origin.url=file://${upstream.folder}`, ...args);
}

describe('a remote repository', () => {
  test('is read at its HEAD, and again after it has moved', async () => {
    const first = upstream.commit({ 'library/a': 'one' });
    expect(await read()).toEqual({ files: [{ name: 'a', text: 'one' }], problems: [], revision: first, notices: [] });
    const second = upstream.commit({ 'library/a': 'two', 'library/b': 'more' });
    expect(await read()).toMatchObject({ revision: second, files: [{ text: 'two' }, { name: 'b' }], notices: [] });
  });

  test('is read at any branch, tag or commit of it, also when branches are rewritten', async () => {
    const first = upstream.commit({ 'library/a': 'one' });
    upstream.git('tag', 'v1');
    upstream.git('branch', 'topic');
    const second = upstream.commit({ 'library/a': 'two' });
    expect(await read('master')).toMatchObject({ revision: second });
    expect(await read('v1')).toMatchObject({ revision: first, files: [{ text: 'one' }] });
    upstream.git('branch', '--delete', '--force', 'topic');
    upstream.git('branch', 'topic/deeper', first);
    upstream.git('tag', '--force', 'v1', second);
    upstream.git('reset', '--quiet', '--hard', first);
    const third = upstream.commit({ 'library/a': 'three' });
    expect(await read('master')).toMatchObject({ revision: third });
    expect(await read('topic/deeper')).toMatchObject({ revision: first });
    expect(await read('v1')).toMatchObject({ revision: second });
    await expect(read('topic')).rejects.toThrow(/ has no revision "topic"; name a branch, a tag or a commit of it$/);
  });

  test('is copied with its whole history, and with the contents only of what is read, fetched at once', async () => {
    upstream.commit({ 'library/a': 'old', 'other/x': 'never read' });
    upstream.commit(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`library/f${i}`, `text ${i}`])));
    upstream.commit({ 'library/a': 'new', 'library/Upper': 'never read either' });
    expect((await read()).files).toHaveLength(21);
    expect(await copy('rev-list', '--count', 'master')).toBe('3');
    const missing = (await copy('rev-list', '--objects', '--all', '--missing=print')).match(/^\?/gm);
    expect(missing).toHaveLength(3);
    const packs = (await readdir(join(await copyFolder(), 'objects', 'pack'))).filter((name) => name.endsWith('.pack'));
    expect(packs).toHaveLength(2);
  });

  test('may be one that cannot leave contents out', async () => {
    upstream.git('config', 'uploadpack.allowFilter', 'false');
    upstream.commit({ 'library/a': 'one' });
    expect(await read()).toMatchObject({ files: [{ text: 'one' }] });
  });

  test('may be a bundle', async () => {
    const commit = upstream.commit({ 'library/a': 'one' });
    const repository = join(folder, 'tools.bundle');
    upstream.git('bundle', 'create', '--quiet', repository, 'HEAD', 'master');
    expect(await read(undefined, { repository })).toMatchObject({ revision: commit, files: [{ text: 'one' }] });
    expect(await read('master', { repository })).toMatchObject({ revision: commit });
    await writeFile(repository, 'no bundle');
    await expect(read('v2', { repository })).rejects.toThrow(UsageError);
  });

  test('has its hooks and those of the copy left alone', async () => {
    upstream.commit({ 'library/a': 'one' });
    await read();
    const hook = join(await copyFolder(), 'hooks', 'reference-transaction');
    await mkdir(join(hook, '..'), { recursive: true });
    await writeFile(hook, `#!/bin/sh\ntouch '${folder}/made'\n`);
    await chmod(hook, 0o755);
    upstream.commit({ 'library/a': 'two' });
    expect(await read()).toMatchObject({ files: [{ text: 'two' }] });
    expect(existsSync(join(folder, 'made'))).toBe(false);
  });

  test('may have a password in its URL, which is neither written down nor said', async () => {
    upstream.commit({ 'library/a': 'one' });
    const repository = `file://ada:secret@${upstream.folder}`;
    await read(undefined, { repository });
    const written = await readdir(join(folder, 'cache'), { recursive: true, withFileTypes: true });
    const files = written.filter((item) => item.isFile()).map((item) => join(item.parentPath, item.name));
    for (const file of files) expect(await readFile(file, 'latin1')).not.toContain('secret');
    await rename(upstream.folder, `${upstream.folder}.away`);
    const { notices } = await read(undefined, { repository });
    expect(notices.join()).toContain(`file://${upstream.folder} could not be fetched`);
    expect(notices.join()).not.toContain('secret');
  });
});

describe('a remote that cannot be reached', () => {
  test('is read from the copy of the last time, and the report says so', async () => {
    const commit = upstream.commit({ 'library/a': 'one' });
    await read();
    await rename(upstream.folder, `${upstream.folder}.away`);
    const later = new Date('2026-08-23T00:00:00Z');
    const { notices, ...snapshot } = await read(undefined, { now: later });
    expect(snapshot).toMatchObject({ revision: commit, files: [{ name: 'a', text: 'one' }] });
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(
      /^file:\/\/.* could not be fetched \(git said: fatal: .*\); its copy of 2026-08-21 12:00 UTC was read instead$/,
    );
  });

  test('without a copy is an error that says which, why, and what to do', async () => {
    const failure = read(undefined, { repository: `file://${folder}/nothing` });
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(
      /^file:\/\/.*\/nothing could not be fetched \(git said: fatal: .*\), and there is no earlier copy of it; check the address/,
    );
    expect(await readdir(join(folder, 'cache', 'git-v1'))).toEqual([]);
  });

  test('is an error for a revision whose contents the copy never had', async () => {
    upstream.commit({ 'library/a': 'one' });
    upstream.commit({ 'library/a': 'two' });
    await read('master');
    await rename(upstream.folder, `${upstream.folder}.away`);
    await expect(read('master~1')).rejects.toThrow(
      /could not be read \(git said: fatal: .*\); try again, or delete .*cache/,
    );
  });

  test('is not waited for when the signal says so', async () => {
    upstream.commit({ 'library/a': 'one' });
    await read();
    await expect(read(undefined, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('several processes at once', () => {
  test('make one copy', async () => {
    const revision = upstream.commit({ 'library/a': 'one' });
    const snapshots = await Promise.all(Array.from({ length: 4 }, () => read()));
    for (const snapshot of snapshots) expect(snapshot).toMatchObject({ revision, notices: [] });
    await copyFolder();
  });

  test('fetch into it without harm', async () => {
    upstream.commit({ 'library/a': 'one' });
    await read();
    for (const text of ['two', 'three', 'four']) {
      const revision = upstream.commit({ 'library/a': text });
      for (const branch of ['x', 'y', 'z']) upstream.git('branch', '--force', branch);
      const snapshots = await Promise.all(Array.from({ length: 4 }, () => read()));
      for (const snapshot of snapshots) expect(snapshot).toMatchObject({ revision, files: [{ text }], notices: [] });
    }
  });

  test('that were killed leave nothing that stops the next one', async () => {
    upstream.commit({ 'library/a': 'one' });
    await read('master');
    const clone = await copyFolder();
    const strays = [
      `${clone}.new-abcdef`,
      join(clone, 'packed-refs.lock'),
      join(clone, 'refs', 'heads', 'master.lock'),
    ];
    for (const stray of strays) await writeFile(stray, '');
    const hoursAgo = new Date(NOON.getTime() - 2 * 3_600_000);
    for (const stray of strays) await utimes(stray, hoursAgo, hoursAgo);
    const young = join(clone, 'young.lock');
    await writeFile(young, '');
    upstream.commit({ 'library/a': 'two' });
    expect(await read('master')).toMatchObject({ files: [{ text: 'two' }], notices: [] });
    expect(strays.filter((stray) => existsSync(stray))).toEqual([]);
    expect(existsSync(young)).toBe(true);
  });
});
