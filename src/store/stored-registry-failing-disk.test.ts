import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BlobFolderWorld, blobFolderWorld } from '../../test/support/content/blob-folder-world.ts';
import { FailingDisk } from '../../test/support/content/failing-disk.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { collectGarbage } from './collect-garbage.ts';
import { StoredRegistry } from './stored-registry.ts';

const APP = parseRepositoryName('app');
const DAY_MS = 86_400_000;

let world: BlobFolderWorld;
let disk: FailingDisk;

beforeEach(async () => {
  world = await blobFolderWorld();
  disk = await FailingDisk.install();
});
afterEach(async () => {
  disk[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

async function push(registry: StoredRegistry, text: string): Promise<void> {
  const repository = registry.repository(APP);
  const { id } = await repository.beginUpload('sha256');
  const [first, second] = [text.slice(0, 3), text.slice(3)].map((part) => ({ body: bodyOf(part) }));
  await repository.appendToUpload(id, first!);
  await repository.finishUpload(id, digestOf(text), second!);
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('whichever call to the disk fails in a push, it is refused or done, and the registry lives on', async () => {
  const { clock } = world;
  const metadata = await SqliteMetadataStore.inMemory({ clock });
  const parts = { metadata, content: await world.open(), now: () => clock.now() };
  await using registry = new StoredRegistry(parts);
  const repository = registry.repository(APP);
  let refused = 0;
  for (let calls = 0; ; calls += 1) {
    const text = `blob ${calls}`;
    const wasDue = disk.failOnce(calls);
    const failure = await push(registry, text).catch((error: unknown) => error);
    disk.recover();
    if (!wasDue()) break;
    const isServed = await repository.statBlob(digestOf(text)).catch((error: unknown) => error);
    if (failure === undefined) expect(isServed).toMatchObject({ sizeBytes: text.length });
    else {
      refused += 1;
      expect(failure).toBeInstanceOf(UsageError);
      expect(isServed).toBeInstanceOf(OciError);
      await push(registry, text);
    }
    const { sizeBytes, body } = await repository.openBlob(digestOf(text));
    expect(sizeBytes).toBe(text.length);
    if ('close' in body) await body.close();
  }
  expect(refused).toBeGreaterThan(5);
  clock.advance(2 * DAY_MS);
  await collectGarbage(parts);
  expect(await Array.fromAsync(parts.content.listIngests())).toEqual([]);
});
