import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogFlush } from './log-flush.ts';

let folder: string;
let database: string;
let flushes: PromiseWithResolvers<void>[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'log-flush-'));
  database = path.join(folder, 'metadata.db');
  await writeFile(`${database}-wal`, '');
  flushes = [];
  await using handle = await open(`${database}-wal`);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  vi.spyOn(prototype, 'datasync').mockImplementation(() => {
    const flush = Promise.withResolvers<void>();
    flushes.push(flush);
    return flush.promise;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

test('who asks while a flush is running waits for the next, which serves all of them', async () => {
  await using log = new LogFlush(database);
  const first = log.flush();
  await vi.waitFor(() => expect(flushes).toHaveLength(1));
  const rest = [log.flush(), log.flush(), log.flush()];
  flushes[0]?.resolve();
  await first;
  await vi.waitFor(() => expect(flushes).toHaveLength(2));
  flushes[1]?.resolve();
  await Promise.all(rest);
  expect(flushes).toHaveLength(2);
});

test('a flush that fails is told to those who waited for it, and the next one is tried', async () => {
  await using log = new LogFlush(database);
  const failing = [log.flush(), log.flush()];
  await vi.waitFor(() => expect(flushes).toHaveLength(1));
  const later = log.flush();
  flushes[0]?.reject(new Error('EIO: i/o error, fdatasync'));
  for (const flush of failing) await expect(flush).rejects.toThrow('EIO');
  await vi.waitFor(() => expect(flushes).toHaveLength(2));
  flushes[1]?.resolve();
  await later;
});
