import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startProgram } from '../../../test/support/programs/program.ts';
import { type Said, recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { openStore } from '../../app/open-store.ts';
import { FilesystemBlobStore } from '../../content/filesystem/filesystem-blob-store.ts';
import { FileLock } from '../../database/file-lock.ts';
import { digestOf } from '../../oci/digest.ts';
import { loadConfig } from '../open-session.ts';
import { main } from '../main.ts';
import type { Terminal } from '../terminal.ts';

const HOUR_MS = 3_600_000;
const FILE_LOCK = path.join(import.meta.dirname, '../../database/file-lock.ts');
const HOLD_LOCK = `const { FileLock } = await import(${JSON.stringify(FILE_LOCK)});
  console.log(FileLock.take(process.argv[1]) && 'held');
  setInterval(() => undefined, 60_000);`;
let folder: string;
let said: Said;
let terminal: Terminal;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-store-command-'));
  ({ terminal, said } = recordingTerminal(folder));
});
afterEach(() => rm(folder, { recursive: true }));

/** Bytes that no repository was given, as a process leaves them that was killed two hours ago. */
async function leaveBytes(text: string): Promise<void> {
  const { dataFolder } = loadConfig({}, terminal);
  await mkdir(dataFolder, { recursive: true });
  const content = await FilesystemBlobStore.open(dataFolder, { now: () => Date.now() - 2 * HOUR_MS });
  const ingest = await content.begin();
  await ingest.append(Buffer.from(text));
  await ingest.commit(digestOf(text));
}

test('wharf gc says what it deleted, and when there is room', async () => {
  await leaveBytes('left behind');
  expect(await main(['gc'], terminal)).toBe(0);
  expect(said.out).toBe(
    'deleted 0 stale uploads, 0 untagged manifests, 1 blob (11 B); their room is freed by a wharf gc in an hour or later\n' +
      'freed 0 B that had been deleted before\n',
  );
});

test('wharf gc --dry-run --json prints figures, and deletes nothing', async () => {
  await leaveBytes('left behind');
  expect(await main(['gc', '--dry-run', '--json'], terminal)).toBe(0);
  const nothing = { uploads: 0, manifests: 0, tagMoves: 0, freedBytes: 0, broughtBack: 0 };
  expect(JSON.parse(said.out)).toEqual({ version: 1, dryRun: true, ...nothing, blobs: 1, sizeBytes: 11 });
  await using store = await openStore(loadConfig({}, terminal).dataFolder);
  expect(await store.content.stat(digestOf('left behind'))).toMatchObject({ sizeBytes: 11 });
});

test('an age that is none is refused before anything is deleted', async () => {
  expect(await main(['gc', '--older-than', 'yesterday'], terminal)).toBe(2);
  expect(said.err).toBe('wharf: "yesterday" is not an age; write --older-than 90m, 1h or 2d\n');
});

test('one collection works in a data folder at a time', async () => {
  await leaveBytes('left behind');
  const { dataFolder } = loadConfig({}, terminal);
  using _ = FileLock.take(path.join(dataFolder, 'gc.lock'));
  expect(await main(['gc'], terminal)).toBe(2);
  expect(said.err).toContain('another wharf gc is at work in');
});

test('a collection that was killed stands in the way of none', async () => {
  await leaveBytes('left behind');
  const { dataFolder } = loadConfig({}, terminal);
  const holder = await startProgram(process.execPath, ['-e', HOLD_LOCK, path.join(dataFolder, 'gc.lock')]);
  await holder.firstLine;
  expect(await main(['gc'], terminal)).toBe(2);
  holder.kill('SIGKILL');
  await holder.exited;
  expect(await main(['gc'], terminal)).toBe(0);
});
