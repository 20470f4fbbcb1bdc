import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type ScratchFolder, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { UsageError } from '../oci/usage-error.ts';
import { applyUndo, planUndo } from './undo-client-files.ts';
import { type ClientFileEdit, planClientFiles, writeClientFiles } from './write-client-files.ts';

const FILE = '/etc/docker/daemon.json';
const BACKUP = `${FILE}.wharf-backup-20261123T100000000Z`;

let scratch: ScratchFolder;
let clock: FakeClock;
beforeEach(async () => {
  scratch = await scratchFolder('client-files');
  clock = new FakeClock();
});
afterEach(() => scratch[Symbol.asyncDispose]());

const at = (file: string) => path.join(scratch.path, file);
const put = async (file: string, text: string) => {
  await mkdir(path.dirname(at(file)), { recursive: true });
  await writeFile(at(file), text);
};
const read = (file: string) => readFile(at(file), 'utf8');
const namesIn = async (folder: string) => (await readdir(at(folder))).toSorted();
const appending = (line: string, file = FILE): ClientFileEdit => ({ path: file, edit: (before = '') => before + line });

async function write(...edits: readonly ClientFileEdit[]) {
  const changes = await planClientFiles(edits, scratch.path);
  return await writeClientFiles(changes, { client: 'docker', folder: '/etc/docker', root: scratch.path, clock });
}

async function undo(isForced = false) {
  const plan = await planUndo('docker', '/etc/docker', scratch.path);
  return plan && (await applyUndo(plan, { isForced, clock }));
}

test('what was there is kept beside it, and comes back with its mode', async () => {
  await put(FILE, 'theirs\n');
  await chmod(at(FILE), 0o640);
  expect(await write(appending('ours\n'))).toEqual([{ place: at(FILE), backup: at(BACKUP) }]);
  expect(await read(FILE)).toBe('theirs\nours\n');
  expect((await stat(at(FILE))).mode & 0o777).toBe(0o640);
  expect(await read(BACKUP)).toBe('theirs\n');
  expect((await stat(at(BACKUP))).mode & 0o777).toBe(0o640);

  expect(await undo()).toEqual([]);
  expect(await read(FILE)).toBe('theirs\n');
  expect((await stat(at(FILE))).mode & 0o777).toBe(0o640);
  expect(await namesIn('/etc/docker')).toEqual(['daemon.json']);
});

test('a file that we made is removed again, with the folder that was made for it', async () => {
  await put('/etc/docker/key.json', '{}');
  const hosts = '/etc/containerd/certs.d/ghcr.io/hosts.toml';
  await write(appending('ours\n'), appending('hosts\n', hosts));
  expect(await read(hosts)).toBe('hosts\n');
  await undo();
  expect(await namesIn('/etc/docker')).toEqual(['key.json']);
  expect(await namesIn('/etc/containerd/certs.d')).toEqual([]);
});

test('undoing twice undoes the last two writes, and then none is left', async () => {
  await put(FILE, '0\n');
  await write(appending('1\n'));
  clock.advance(1000);
  await write(appending('2\n'));
  await undo();
  expect(await read(FILE)).toBe('0\n1\n');
  await undo();
  expect(await read(FILE)).toBe('0\n');
  expect(await undo()).toBeUndefined();
});

test('what is as it should be is not touched', async () => {
  await put(FILE, 'same\n');
  const same = { path: FILE, edit: (before: string | undefined) => before ?? '' };
  expect(await planClientFiles([same], scratch.path)).toEqual([]);
});

test('what somebody changed since is not undone, unless one says so; then it is set aside', async () => {
  await put(FILE, 'theirs\n');
  await write(appending('ours\n'));
  await put(FILE, 'later\n');
  await expect(undo()).rejects.toThrow(/was changed since Wharf wrote it; .* with --yes$/);
  expect(await read(FILE)).toBe('later\n');
  clock.advance(60_000);
  const kept = at(`${FILE}.wharf-backup-20261123T100100000Z`);
  expect(await undo(true)).toEqual([kept]);
  expect(await read(FILE)).toBe('theirs\n');
  expect(await readFile(kept, 'utf8')).toBe('later\n');
});

test('a file that was removed since comes back only if one says so', async () => {
  await put(FILE, 'theirs\n');
  await write(appending('ours\n'));
  await rm(at(FILE));
  await expect(undo()).rejects.toThrow(UsageError);
  await undo(true);
  expect(await read(FILE)).toBe('theirs\n');
});

test('a write that was broken off before the file was replaced can be undone', async () => {
  await put(FILE, 'theirs\n');
  await write(appending('ours\n'));
  await put(FILE, 'theirs\n');
  expect(await undo()).toEqual([]);
  expect(await read(FILE)).toBe('theirs\n');
});

test('without its backup nothing is undone', async () => {
  await put(FILE, 'theirs\n');
  await write(appending('ours\n'));
  await rm(at(BACKUP));
  await expect(undo(true)).rejects.toThrow(/, which has what was in \/etc\/docker\/daemon.json before, is gone/);
  expect(await read(FILE)).toBe('theirs\nours\n');
});

test.each([
  '',
  '{',
  '[]',
  '{"version":1,"client":"docker","files":[{"path":"etc","wrote":"sha256:","backup":"../x"}]}',
])('a record that is not ours (%s) undoes nothing', async (text) => {
  await put('/etc/docker/wharf-write-20991123T100000000Z.json', text);
  await expect(undo(true)).rejects.toThrow(/is no record of a write by Wharf any more/);
});

test('through a symbolic link it is the target that is written', async () => {
  await put('/srv/daemon.json', 'theirs\n');
  await mkdir(at('/etc/docker'), { recursive: true });
  await symlink('../../srv/daemon.json', at(FILE));
  await write(appending('ours\n'));
  expect(await read('/srv/daemon.json')).toBe('theirs\nours\n');
  expect(await namesIn('/srv')).toEqual(['daemon.json', path.basename(BACKUP)]);
  await undo();
  expect(await namesIn('/srv')).toEqual(['daemon.json']);
  expect(await read('/srv/daemon.json')).toBe('theirs\n');
});

test('a link that leads out of the root, or nowhere, is left alone', async () => {
  await using outside = await scratchFolder('outside');
  await mkdir(at('/etc'));
  await symlink(outside.path, at('/etc/docker'));
  await expect(planClientFiles([appending('x')], scratch.path)).rejects.toThrow(
    /which is outside of .*; it is left alone/,
  );
  await symlink('nothing', at('/etc/dangling'));
  await expect(planClientFiles([appending('x', '/etc/dangling')], scratch.path)).rejects.toThrow(
    /is a symbolic link to what does not exist/,
  );
  await symlink('loop', at('/etc/loop'));
  await expect(planClientFiles([appending('x', '/etc/loop')], scratch.path)).rejects.toThrow(/ELOOP/);
});

test('what is no text file is left alone', async () => {
  await mkdir(at(FILE), { recursive: true });
  await expect(planClientFiles([appending('x')], scratch.path)).rejects.toThrow(/is not a file; it is left alone/);
  await mkdir(at('/etc/other'));
  await writeFile(at('/etc/other/daemon.json'), Buffer.from([0xff, 0xfe, 0x00]));
  const edit = appending('x', '/etc/other/daemon.json');
  await expect(planClientFiles([edit], scratch.path)).rejects.toThrow(/is no UTF-8 text; it is left alone/);
});

test('what was changed between the look and the write is not written over', async () => {
  await put(FILE, 'theirs\n');
  const changes = await planClientFiles([appending('ours\n')], scratch.path);
  await put(FILE, 'later\n');
  const options = { client: 'docker', folder: '/etc/docker', root: scratch.path, clock };
  await expect(writeClientFiles(changes, options)).rejects.toThrow(/was changed by somebody else meanwhile/);
  expect(await namesIn('/etc/docker')).toEqual(['daemon.json']);
});

test('a write that cannot be recorded leaves nothing behind', async () => {
  await put(FILE, 'theirs\n');
  const record = 'wharf-write-20261123T100000000Z.json';
  await mkdir(at(`/etc/docker/${record}`));
  await expect(write(appending('ours\n'))).rejects.toThrow(/cannot be written \(EEXIST\)/);
  expect(await namesIn('/etc/docker')).toEqual(['daemon.json', record]);
  expect(await read(FILE)).toBe('theirs\n');
});
