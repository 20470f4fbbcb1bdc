import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Store, openStore } from './open-store.ts';
import { probeStore } from './probe-store.ts';
import { storeFigures } from './store-figures.ts';

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-probe-'));
  store = await openStore(folder);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('a store that works is left as it was', async () => {
  await probeStore(store);
  expect(await store.metadata.staleUploads(Infinity, { limit: 10 })).toEqual([]);
  expect(await store.metadata.listRepositories({ limit: 10 })).toEqual([]);
  expect(await storeFigures(folder, store).openUploads()).toBe(0);
});

test('bytes that cannot be written are told of in a sentence', async () => {
  writeFileSync(path.join(folder, 'blobs-v1', 'uploads'), 'in the way');
  await expect(probeStore(store)).rejects.toThrow(/blobs-v1 cannot be used \(ENOTDIR\); check its permissions/);
});

test('rows that cannot be written are told of, and leave no bytes behind', async () => {
  const full = () => Promise.reject(new Error('the disk is full'));
  const metadata = new Proxy(store.metadata, {
    get: (target, name) => (name === 'beginUpload' ? full : bound(target, Reflect.get(target, name))),
  });
  await expect(probeStore({ content: store.content, metadata })).rejects.toThrow('the disk is full');
  expect(await storeFigures(folder, store).openUploads()).toBe(0);
});

test('uploads are counted, and so are the bytes of the database and of the disk', async () => {
  await using _ingest = await store.content.begin();
  const figures = storeFigures(folder, store);
  expect(await figures.openUploads()).toBe(1);
  expect(await figures.databaseBytes()).toBeGreaterThan(4096);
  const { sizeBytes, freeBytes } = await figures.disk();
  expect(sizeBytes).toBeGreaterThanOrEqual(freeBytes);
});

function bound(target: object, member: unknown): unknown {
  return typeof member === 'function' ? (member.bind(target) as unknown) : member;
}
