import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FilesystemBlobStore } from '../content/filesystem/filesystem-blob-store.ts';
import { FilesystemIngest } from '../content/filesystem/filesystem-ingest.ts';
import { digestOf } from '../oci/digest.ts';
import { OpenUploads } from './open-uploads.ts';

const MINUTE_MS = 60_000;
let folder: string;
let content: FilesystemBlobStore;
/** Those of two processes that serve one data folder. */
let here: OpenUploads;
let there: OpenUploads;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-uploads-'));
  const open = () => FilesystemBlobStore.open(folder, { now: () => Date.now() });
  content = await open();
  here = new OpenUploads(content);
  there = new OpenUploads(await open());
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await here[Symbol.asyncDispose]();
  await there[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function append(uploads: OpenUploads, id: string, text: string, offset?: number): Promise<void> {
  await uploads.with({ id, offset }, async (ingest) => {
    await ingest.append(Buffer.from(text));
    return 'open';
  });
}

async function commit(uploads: OpenUploads, id: string, text: string): Promise<void> {
  await uploads.with({ id }, async (ingest) => {
    await ingest.commit(digestOf(text));
    return 'over';
  });
}

describe('an upload whose requests come to two processes in turn', () => {
  test('becomes the blob', async () => {
    const id = await here.begin('sha256');
    await append(there, id, 'one ');
    await append(here, id, 'two ');
    await append(there, id, 'three');
    await commit(here, id, 'one two three');
    expect(await content.stat(digestOf('one two three'))).toMatchObject({ sizeBytes: 13 });
  });

  test('becomes the blob where it began, with all that came elsewhere', async () => {
    const id = await here.begin('sha256');
    await append(here, id, 'one ');
    await append(there, id, 'two');
    await commit(here, id, 'one two');
    expect(await content.stat(digestOf('one two'))).toMatchObject({ sizeBytes: 7 });
  });

  test('is as long for both', async () => {
    const id = await here.begin('sha256');
    await append(here, id, 'one ');
    await append(there, id, 'two');
    expect([await here.sizeOf(id), await there.sizeOf(id)]).toEqual([7, 7]);
  });

  test('is not taken by a request that is late', async () => {
    const id = await here.begin('sha256');
    await append(here, id, 'one ', 0);
    await expect(append(there, id, 'one ', 0)).rejects.toMatchObject({ code: 'RANGE_INVALID' });
    await append(here, id, 'two', 4);
    await commit(here, id, 'one two');
  });

  test('is not said to have what came to one process after another had taken it', async () => {
    const id = await here.begin('sha256');
    await append(here, id, 'one ');
    const late = here.with({ id }, async (ingest) => {
      await ingest.append(Buffer.from('lost'));
      await append(there, id, 'two');
      return 'open';
    });
    await expect(late).rejects.toMatchObject({ code: 'RANGE_INVALID' });
    expect(await here.sizeOf(id)).toBe(await there.sizeOf(id));
  });

  test('leaves nothing when it is cancelled, wherever that is', async () => {
    const id = await here.begin('sha256');
    await append(here, id, 'one ');
    await append(there, id, 'two');
    await here.abort(id);
    expect(await Array.fromAsync(content.listIngests())).toEqual([]);
    expect(await there.sizeOf(id)).toBeUndefined();
  });
});

test('an upload that is begun and left holds no file open', async () => {
  const id = await here.begin('sha256');
  rmSync(path.join(folder, 'blobs-v1', 'uploads', id.slice(0, 2), id));
  expect(await here.sizeOf(id)).toBeUndefined();
});

test('a request that outlives them leaves its upload to whoever resumes it', async () => {
  const id = await here.begin('sha256');
  await here.with({ id }, async (ingest) => {
    await ingest.append(Buffer.from('one '));
    await here[Symbol.asyncDispose]();
    return 'open';
  });
  rmSync(path.join(folder, 'blobs-v1', 'uploads', id.slice(0, 2), id));
  expect(await there.sizeOf(id)).toBeUndefined();
});

test('an upload that nobody goes on with is let go after some minutes', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const id = await here.begin('sha256');
  await append(here, id, 'one ');
  const release = vi.spyOn(FilesystemIngest.prototype, Symbol.asyncDispose);
  vi.advanceTimersByTime(MINUTE_MS * 5);
  expect(release).not.toHaveBeenCalled();
  vi.advanceTimersByTime(MINUTE_MS * 5);
  expect(release).toHaveBeenCalledOnce();
  await release.mock.results[0]?.value;
  await append(here, id, 'two');
  await commit(here, id, 'one two');
});
