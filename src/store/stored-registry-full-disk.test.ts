// A registry whose disk takes nothing more, or whose database another process keeps, still serves what it has.
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryMetadata } from '../../test/support/metadata/temporary-metadata.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { DiskError } from '../database/disk-error.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { StoredRegistry } from './stored-registry.ts';

const APP = parseRepositoryName('app');
const DIGEST = digestOf('blob');
let temporary: TemporaryMetadata;
let content: MemoryBlobStore;

beforeEach(async () => {
  temporary = new TemporaryMetadata();
  content = new MemoryBlobStore({ now: () => temporary.clock.now() });
  await using ingest = await content.begin();
  await ingest.append(Buffer.from('blob'));
  await ingest.commit(DIGEST);
});
afterEach(() => temporary[Symbol.asyncDispose]());

async function openRegistry() {
  const { clock } = temporary;
  const metadata = await temporary.open();
  await metadata.addBlob(APP, { digest: DIGEST, sizeBytes: 4 });
  const registry = new StoredRegistry({ metadata, content, now: () => clock.now() });
  return { metadata, repository: registry.repository(APP) };
}

test('while another process keeps the database, a blob is found soon, and served at once', async () => {
  const { repository } = await openRegistry();
  using other = new DatabaseSync(temporary.file);
  other.exec('BEGIN IMMEDIATE');
  expect(await repository.sizeOfBlob(DIGEST)).toMatchObject({ sizeBytes: 4 });
  expect(await repository.openBlob(DIGEST)).toMatchObject({ sizeBytes: 4 });
  expect(temporary.clock.elapsedMs).toBe(0);
  expect(await repository.statBlob(DIGEST)).toMatchObject({ sizeBytes: 4 });
  expect(temporary.clock.elapsedMs).toBeLessThan(1000);
});

test('when the disk is full, a blob is found, and other failures are none to pass over', async () => {
  const { metadata, repository } = await openRegistry();
  metadata.lease = () => Promise.reject(new DiskError('DISK_FULL', 'metadata.db cannot grow'));
  expect(await repository.statBlob(DIGEST)).toMatchObject({ sizeBytes: 4 });
  metadata.lease = () => Promise.reject(new Error('a bug'));
  await expect(repository.statBlob(DIGEST)).rejects.toThrow('a bug');
});
