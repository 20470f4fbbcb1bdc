import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Graph, image, index, layerIndex, textBlob } from '../../test/support/image-graph.ts';
import type { BlobStatus } from '../content/blob-store.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type GarbageOptions, collectGarbage } from './collect-garbage.ts';
import { StoredRegistry } from './stored-registry.ts';

const APP = parseRepositoryName('team/app');
const OTHER = parseRepositoryName('team/other');
const LATEST = parseTag('latest');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOTHING = {
  uploads: 0,
  manifests: 0,
  blobs: 0,
  sizeBytes: 0,
  tagMoves: 0,
  freedBytes: 0,
  broughtBack: 0,
};

/** Lets somebody else do something just before a blob goes to the trash, or just after. */
class InterruptedBlobStore extends MemoryBlobStore {
  beforeDelete: () => Promise<void> = async () => undefined;
  afterDelete: () => Promise<void> = async () => undefined;

  override async delete(digest: Digest, placedBefore?: Date): Promise<BlobStatus | undefined> {
    await this.beforeDelete();
    const blob = await super.delete(digest, placedBefore);
    await this.afterDelete();
    return blob;
  }
}

let clock: FakeClock;
let content: InterruptedBlobStore;
let metadata: SqliteMetadataStore;
let registry: StoredRegistry;

beforeEach(async () => {
  clock = new FakeClock();
  const now = () => clock.now();
  content = new InterruptedBlobStore({ now });
  metadata = await SqliteMetadataStore.inMemory({ clock });
  registry = new StoredRegistry({ metadata, content, now });
});
afterEach(() => registry[Symbol.asyncDispose]());

const collect = (options?: GarbageOptions) => collectGarbage({ metadata, content, now: () => clock.now() }, options);
const isKept = async (text: string) => (await content.stat(digestOf(text))) !== undefined;
const bytesOf = (text: string) => [Buffer.from(text)];

async function* bodyOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function pushBlob(parts: readonly Uint8Array[], name = APP): Promise<void> {
  const repository = registry.repository(name);
  const { id } = await repository.beginUpload('sha256');
  await repository.finishUpload(id, digestOf(Buffer.concat(parts)), { body: bodyOf(parts) });
}

async function push(graph: Graph, name = APP, ...tags: readonly string[]): Promise<void> {
  for (const child of graph.children) await push(child, name);
  for (const { parts } of graph.blobs) await pushBlob(parts, name);
  const { manifest } = graph;
  await registry.repository(name).putManifest(manifest, readManifest(manifest.bytes).content, tags.map(parseTag));
}

/** Bytes that no repository was given, as a killed process leaves them. */
async function leaveBytes(text: string): Promise<void> {
  const ingest = await content.begin();
  await ingest.append(Buffer.from(text));
  await ingest.commit(digestOf(text));
}

describe('blobs', () => {
  test('what a tagged image needs stays, however old it is', async () => {
    await push(index(image('a', ['base', 'one']), image('b', ['base'])), APP, 'latest');
    clock.advance(30 * DAY_MS);
    expect(await collect({ untagged: true })).toEqual(NOTHING);
  });

  test('a foreign layer that somebody pushed stays as long as an image names it', async () => {
    const graph = image('windows', ['own'], ['foreign']);
    await push({ ...graph, blobs: [...graph.blobs, textBlob('foreign')] }, APP, 'latest');
    clock.advance(30 * DAY_MS);
    expect(await collect()).toEqual(NOTHING);
    expect(await registry.repository(APP).statBlob(digestOf('foreign'))).toMatchObject({ sizeBytes: 7 });
    await registry.repository(APP).deleteManifest(graph.manifest.digest);
    clock.advance(DAY_MS);
    expect(await collect()).toMatchObject({ blobs: 3 });
  });

  test('the layers that an index names stay as those of an image do', async () => {
    const cache = layerIndex('what it is for', 'a cached layer');
    await push(cache, APP, 'cache');
    clock.advance(30 * DAY_MS);
    expect(await collect({ untagged: true })).toEqual(NOTHING);
    await registry.repository(APP).deleteManifest(cache.manifest.digest);
    expect(await collect()).toMatchObject({ blobs: 2 });
  });

  test('what no manifest of any repository names goes to the trash, and is freed an hour later', async () => {
    await pushBlob(bytesOf('a layer'));
    clock.advance(HOUR_MS + 1);
    expect(await collect()).toEqual({ ...NOTHING, blobs: 1, sizeBytes: 7 });
    expect(await isKept('a layer')).toBe(false);
    await expect(registry.repository(APP).statBlob(digestOf('a layer'))).rejects.toMatchObject({
      code: 'BLOB_UNKNOWN',
    });
    clock.advance(HOUR_MS + 1);
    expect(await collect()).toEqual({ ...NOTHING, freedBytes: 7 });
  });

  test('what came within the hour stays, or within the time that was asked for', async () => {
    await pushBlob(bytesOf('a layer'));
    clock.advance(HOUR_MS);
    expect(await collect()).toEqual(NOTHING);
    expect(await collect({ olderThanMs: HOUR_MS - 1 })).toEqual({ ...NOTHING, blobs: 1, sizeBytes: 7 });
  });

  test('a repository loses what no manifest of it names, though another still needs it', async () => {
    await push(image('app', ['shared']), APP, 'latest');
    await pushBlob(bytesOf('shared'), OTHER);
    clock.advance(2 * HOUR_MS);
    expect(await collect()).toEqual(NOTHING);
    await expect(registry.repository(OTHER).statBlob(digestOf('shared'))).rejects.toMatchObject({
      code: 'BLOB_UNKNOWN',
    });
    expect(await registry.repository(APP).statBlob(digestOf('shared'))).toEqual({
      digest: digestOf('shared'),
      sizeBytes: 6,
    });
  });

  test('what a client was told to be there stays for an hour', async () => {
    await pushBlob(bytesOf('a layer'));
    clock.advance(2 * HOUR_MS);
    await registry.repository(APP).statBlob(digestOf('a layer'));
    clock.advance(HOUR_MS - 1);
    expect(await collect()).toEqual(NOTHING);
    clock.advance(HOUR_MS);
    expect(await collect()).toMatchObject({ blobs: 1 });
  });

  test('bytes that nobody knows of go, unless an open upload is about to bring them', async () => {
    await leaveBytes('left behind');
    await leaveBytes('just committed');
    await metadata.beginUpload({ id: 'open', repository: APP, digest: digestOf('just committed') });
    clock.advance(2 * HOUR_MS);
    expect(await collect()).toMatchObject({ blobs: 1, sizeBytes: 11 });
    expect(await isKept('just committed')).toBe(true);
  });

  test('bytes that nobody knows of stay for an hour, or for the time that was asked for', async () => {
    await leaveBytes('left behind');
    clock.advance(HOUR_MS);
    expect(await collect()).toEqual(NOTHING);
    await leaveBytes('left behind');
    clock.advance(1);
    expect(await collect()).toEqual(NOTHING);
    expect(await collect({ olderThanMs: 0 })).toMatchObject({ blobs: 1 });
  });

  test('what a collection that was killed took from somebody is brought back, and nothing else', async () => {
    await pushBlob(bytesOf('a layer'));
    await leaveBytes('left behind');
    await leaveBytes('being pushed');
    await metadata.lease([digestOf('being pushed')], clock.now() + HOUR_MS);
    for (const text of ['a layer', 'left behind', 'being pushed']) await content.delete(digestOf(text));
    await leaveBytes('being pushed');
    expect(await collect()).toEqual({ ...NOTHING, broughtBack: 1 });
    expect(await isKept('a layer')).toBe(true);
    expect(await isKept('left behind')).toBe(false);
  });

  test('more blobs than fit a page go all', async () => {
    for (let nth = 0; nth < 250; nth += 1) await metadata.addBlob(APP, { digest: digestOf(`${nth}`), sizeBytes: 1 });
    for (let nth = 0; nth < 1350; nth += 1) await leaveBytes(`${nth}`);
    clock.advance(2 * HOUR_MS);
    expect(await collect()).toMatchObject({ blobs: 1350 });
  });
});

describe('a push while its blob is being deleted', () => {
  const repush = () => pushBlob(bytesOf('a layer'));
  const expectServed = async () => {
    const { sizeBytes } = await registry.repository(APP).openBlob(digestOf('a layer'));
    expect(sizeBytes).toBe(7);
  };

  beforeEach(async () => {
    await repush();
    clock.advance(2 * HOUR_MS);
  });

  test.each(['beforeDelete', 'afterDelete'] as const)('loses nothing, %s', async (moment) => {
    content[moment] = repush;
    expect(await collect()).toEqual(NOTHING);
    await expectServed();
  });

  test('loses nothing when its bytes are there and its repository has yet to be given them', async () => {
    const begun = { id: 'open', repository: APP, digest: digestOf('a layer') };
    content.beforeDelete = async () => {
      await metadata.beginUpload(begun);
      await leaveBytes('a layer');
    };
    expect(await collect()).toEqual(NOTHING);
    await metadata.addBlob(APP, { digest: begun.digest, sizeBytes: 7 }, begun.id);
    await expectServed();
  });

  test('loses nothing when metadata cannot be asked again', async () => {
    content.beforeDelete = async () => {
      await repush();
      metadata.unknownBlobs = async () => await Promise.reject(new Error('the database is busy'));
    };
    await expect(collect()).rejects.toThrow('busy');
    await expectServed();
  });
});

describe('manifests', () => {
  test('untagged ones stay unless they are asked for; then an index goes with its children and their blobs', async () => {
    await push(index(image('a', ['base']), image('b', ['base', 'b'])), APP, 'latest');
    await registry.repository(APP).deleteTag(LATEST);
    clock.advance(2 * HOUR_MS);
    expect(await collect()).toEqual(NOTHING);
    expect(await collect({ untagged: true })).toMatchObject({ manifests: 3, blobs: 4 });
    expect(await content.list()[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });
});

describe('uploads', () => {
  test('one that received nothing for a day is ended, and its bytes are gone', async () => {
    const repository = registry.repository(APP);
    const stale = await repository.beginUpload('sha256');
    clock.advance(DAY_MS);
    const fresh = await repository.beginUpload('sha256');
    clock.advance(1);
    expect(await collect()).toEqual({ ...NOTHING, uploads: 1 });
    await expect(repository.upload(stale.id)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await content.statIngest(stale.id)).toBeUndefined();
    expect(await repository.upload(fresh.id)).toMatchObject({ receivedBytes: 0 });
  });

  test('one that is gone on with at the last moment is not ended', async () => {
    const { id } = await registry.repository(APP).beginUpload('sha256');
    clock.advance(2 * DAY_MS);
    const lookAt = content.statIngest.bind(content);
    content.statIngest = async (asked) => {
      const status = await lookAt(asked);
      await metadata.advanceUpload(id, 0, 4);
      return status;
    };
    expect(await collect()).toEqual(NOTHING);
    expect(await lookAt(id)).toBeDefined();
    expect(await metadata.upload(id)).toMatchObject({ offset: 4 });
  });

  test('one request that brings bytes for longer than a day is no stale upload', async () => {
    const ingest = await content.begin();
    await metadata.beginUpload({ id: ingest.id, repository: APP });
    clock.advance(2 * DAY_MS);
    await ingest.append(Buffer.from('still here'));
    expect(await collect()).toEqual(NOTHING);
  });

  test('an ingest that metadata knows nothing of is ended when it is older than a day', async () => {
    const left = await content.begin();
    clock.advance(DAY_MS + 1);
    const begun = await content.begin();
    expect(await collect()).toEqual({ ...NOTHING, uploads: 1 });
    expect(await content.statIngest(left.id)).toBeUndefined();
    expect(await content.statIngest(begun.id)).toBeDefined();
  });

  test('a stale upload whose bytes were just committed holds them for another hour', async () => {
    await metadata.beginUpload({ id: 'committed', repository: APP, digest: digestOf('a layer') });
    clock.advance(DAY_MS + 1);
    await leaveBytes('a layer');
    expect(await collect()).toEqual({ ...NOTHING, uploads: 1 });
    clock.advance(2 * HOUR_MS);
    expect(await collect()).toMatchObject({ blobs: 1 });
  });
});

test('a dry run counts what would go, and leaves it', async () => {
  const repository = registry.repository(APP);
  await push(image('app', ['a layer']), APP, 'latest');
  await pushBlob(bytesOf('unnamed'));
  await repository.beginUpload('sha256');
  await content.begin();
  await leaveBytes('left behind');
  clock.advance(2 * DAY_MS);
  await leaveBytes('just now');
  const expected = { ...NOTHING, uploads: 2, blobs: 2, sizeBytes: 18 };
  expect(await collect({ dryRun: true })).toEqual(expected);
  expect(await collect({ dryRun: true })).toEqual(expected);
  expect(await collect()).toEqual(expected);
});

test('a dry run counts what only becomes garbage by what goes before', async () => {
  await push(index(image('a', ['base']), image('b', ['base', 'b'])));
  clock.advance(2 * HOUR_MS);
  const expected = { ...NOTHING, manifests: 3, blobs: 4, sizeBytes: expect.any(Number) as number };
  const counted = await collect({ dryRun: true, untagged: true });
  expect(counted).toEqual(expected);
  expect(await collect({ untagged: true })).toEqual(counted);
});

test('the history of a tag keeps its last hundred moves, and those of the last year', async () => {
  const app = image('app');
  const { manifest } = app;
  const repository = registry.repository(APP);
  await push(app);
  const moves = async () => await metadata.tagHistory(APP, LATEST, 1000);
  for (let nth = 0; nth < 150; nth += 1) {
    await repository.putManifest(manifest, readManifest(manifest.bytes).content, [LATEST]);
    await repository.deleteTag(LATEST);
    clock.advance(DAY_MS);
  }
  const last = await moves();
  expect(last).toHaveLength(300);
  expect(await collect()).toMatchObject({ tagMoves: 0 });
  clock.advance(250 * DAY_MS);
  expect(await collect()).toMatchObject({ tagMoves: 70 });
  expect(await moves()).toEqual(last.slice(0, 230));
  clock.advance(1000 * DAY_MS);
  expect(await collect()).toMatchObject({ tagMoves: 130 });
  expect(await moves()).toEqual(last.slice(0, 100));
});

test('a collection that is asked to stop stops between two blobs', async () => {
  const stop = new AbortController();
  for (const text of ['one', 'two', 'three']) await leaveBytes(text);
  clock.advance(2 * HOUR_MS);
  content.afterDelete = async () => stop.abort(new Error('asked to stop'));
  await expect(collect({ signal: stop.signal })).rejects.toThrow('asked to stop');
  expect((await content.list()[Symbol.asyncIterator]().next()).value).toHaveLength(2);
});
