// What is peculiar to a file that others have open too.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { image } from '../../../test/support/metadata/content.ts';
import { TemporaryMetadata } from '../../../test/support/metadata/temporary-metadata.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { MIGRATIONS } from './migrations.ts';
import { SqliteMetadataStore } from './sqlite-metadata-store.ts';

const nginx = parseRepositoryName('library/nginx');
const latest = parseTag('latest');
const [one, two] = [image('one'), image('two')];
let temporary: TemporaryMetadata;

beforeEach(() => {
  temporary = new TemporaryMetadata();
});
afterEach(() => temporary[Symbol.asyncDispose]());

test('what was written is there when it is opened again', async () => {
  const store = await temporary.open();
  await store.putManifest(nginx, one, { tags: [latest] });
  await store[Symbol.asyncDispose]();
  expect(await (await temporary.open()).resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
});

test('what somebody else wrote is seen in the next turn of the event loop', async () => {
  const [store, other] = [await temporary.open(), await temporary.open()];
  await store.putManifest(nginx, one, { tags: [latest] });
  for (const { digest } of [one, one]) expect(store.resolveTag(nginx, latest)).toMatchObject({ digest });
  await other.putManifest(nginx, two, { tags: [latest] });
  await nextTurn();
  expect(store.resolveTag(nginx, latest)).toMatchObject({ digest: two.digest });
  await other.deleteManifest(nginx, two.digest);
  await nextTurn();
  expect(store.resolveTag(nginx, latest)).toBeUndefined();
  expect(store.manifest(nginx, two.digest)).toBeUndefined();
});

test('what every request asks is answered at once, also while another process writes', async () => {
  const store = await temporary.open();
  await store.putManifest(nginx, one, { tags: [latest] });
  using other = new DatabaseSync(temporary.file);
  other.exec('BEGIN IMMEDIATE; DELETE FROM tags; DELETE FROM manifest_bytes');
  expect(store.resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
  expect(store.manifest(nginx, one.digest)).toMatchObject({ digest: one.digest });
});

test('who writes waits for another process without holding up its own', async () => {
  await (await temporary.open())[Symbol.asyncDispose]();
  using other = new DatabaseSync(temporary.file);
  let pauses = 0;
  class LettingGo extends FakeClock {
    override async sleep(): Promise<void> {
      pauses += 1;
      if (pauses === 3) other.exec('COMMIT');
    }
  }
  await using store = await SqliteMetadataStore.open(temporary.dataFolder, { clock: new LettingGo() });
  other.exec('BEGIN IMMEDIATE');
  await store.putManifest(nginx, one, { tags: [latest] });
  expect(pauses).toBe(3);
  expect(store.resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
});

test('a lease is given up after the patience that was asked for', async () => {
  await (await temporary.open())[Symbol.asyncDispose]();
  using other = new DatabaseSync(temporary.file);
  const clock = new FakeClock();
  await using store = await SqliteMetadataStore.open(temporary.dataFolder, { clock });
  other.exec('BEGIN IMMEDIATE');
  const lease = store.lease([one.digest], clock.now() + 60_000, { patienceMs: 100 });
  await expect(lease).rejects.toMatchObject({ code: 'FILE_BUSY' });
  expect(clock.elapsedMs).toBeLessThan(200);
});

test('a process that never lets go is named as the reason', async () => {
  await (await temporary.open())[Symbol.asyncDispose]();
  using other = new DatabaseSync(temporary.file);
  class Hurried extends FakeClock {
    override async sleep(): Promise<void> {
      this.advance(15_000);
    }
  }
  await using store = await SqliteMetadataStore.open(temporary.dataFolder, { clock: new Hurried() });
  other.exec('BEGIN IMMEDIATE');
  const put = store.putManifest(nginx, one);
  await expect(put).rejects.toThrow(/metadata\.db is locked by another process that does not go on; end that process/);
  await expect(put).rejects.toBeInstanceOf(UsageError);
});

test('metadata of a newer version is refused in a sentence, and left as it is', async () => {
  await (await temporary.open())[Symbol.asyncDispose]();
  using newer = new DatabaseSync(temporary.file);
  newer.exec('PRAGMA user_version = 99');
  await expect(temporary.open()).rejects.toThrow(UsageError);
  await expect(temporary.open()).rejects.toThrow(
    new RegExp(`metadata\\.db has format 99, and this Wharf knows formats up to ${MIGRATIONS.length}; use`),
  );
  expect(newer.prepare('SELECT count(*) AS n FROM tags').get()).toEqual({ n: 0 });
});

test('a damaged file is refused in a sentence, and left as it is', async () => {
  mkdirSync(path.dirname(temporary.file));
  const garbage = 'no database '.repeat(5000);
  writeFileSync(temporary.file, garbage);
  await expect(temporary.open()).rejects.toThrow(/metadata\.db is damaged; restore it from a backup, or move it away/);
  expect(readFileSync(temporary.file, 'utf8')).toBe(garbage);
});

test('damage that is found later fails what meets it with the same sentence', async () => {
  const store = await temporary.open();
  const tags = Array.from({ length: 3000 }, (_, nth) => parseTag(`tag-${nth}`));
  await store.putManifest(nginx, one, { tags });
  await store[Symbol.asyncDispose]();
  truncateSync(temporary.file, 4096 * 30);
  const damaged = async () => {
    const reopened = await temporary.open();
    await reopened.listTags(nginx, { limit: 10_000 });
    for (const tag of tags) await reopened.resolveTag(nginx, tag);
  };
  await expect(damaged()).rejects.toThrow(/metadata\.db is damaged; restore it/);
});

test('a folder that cannot be one is said', async () => {
  writeFileSync(path.join(temporary.dataFolder, 'file'), '');
  const open = SqliteMetadataStore.open(path.join(temporary.dataFolder, 'file'), { clock: temporary.clock });
  await expect(open).rejects.toThrow(/metadata\.db cannot be used \(ENOTDIR\); check its folder/);
});
