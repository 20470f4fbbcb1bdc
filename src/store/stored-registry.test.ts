// The store as the /v2 API sees it, and as a sync does, over memory.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Graph, blobsOf, image, index, layerIndex, manifestsOf } from '../../test/support/image-graph.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { StoredRegistry } from './stored-registry.ts';
import { StoredTargets } from './stored-target.ts';

const APP = parseRepositoryName('team/app');
const OTHER = parseRepositoryName('team/other');
const LATEST = parseTag('latest');
const MULTI = index(image('a', ['base', 'a']), image('b', ['base']));

let clock: FakeClock;
let content: MemoryBlobStore;
let metadata: SqliteMetadataStore;
let registry: StoredRegistry;

beforeEach(async () => {
  clock = new FakeClock();
  content = new MemoryBlobStore({ now: () => clock.now() });
  metadata = await SqliteMetadataStore.inMemory({ clock });
  const immutable = [parsePattern('team/app:v*')];
  registry = new StoredRegistry({ metadata, content, now: () => clock.now(), immutable });
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
});

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part);
}

/** As a client pushes: every blob by an upload, then children before parents. */
async function push(graph: Graph, name = APP, ...tags: readonly string[]): Promise<void> {
  const repository = registry.repository(name);
  for (const child of graph.children) await push(child, name);
  for (const { digest, parts } of graph.blobs) {
    const { id } = await repository.beginUpload('sha256');
    await repository.finishUpload(id, digest, { body: chunks(...parts) });
  }
  const { manifest } = graph;
  await repository.putManifest(manifest, readManifest(manifest.bytes).content, tags.map(parseTag));
}

async function bytesAt(name: typeof APP, digest: ReturnType<typeof digestOf>): Promise<string> {
  const { body } = await registry.repository(name).openBlob(digest);
  if (!(body instanceof ReadableStream)) throw new Error('memory has no files');
  return await new Response(body).text();
}

/** What it was refused with. */
const refusal = async (work: Promise<unknown>) =>
  await work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a pushed image', () => {
  test('is served whole, by tag and by digest', async () => {
    await push(MULTI, APP, 'latest');
    const repository = registry.repository(APP);
    expect(await repository.resolve(LATEST)).toMatchObject({ digest: MULTI.manifest.digest });
    for (const { digest } of manifestsOf(MULTI)) {
      expect(digestOf((await repository.manifest(digest)).bytes)).toBe(digest);
    }
    for (const { digest, parts, sizeBytes } of blobsOf(MULTI)) {
      expect(await repository.statBlob(digest)).toMatchObject({ sizeBytes });
      expect(await bytesAt(APP, digest)).toBe(Buffer.concat(parts).toString());
    }
    expect(await repository.listTags({ limit: 10 })).toEqual([LATEST]);
    expect(await registry.listRepositories({ limit: 10 })).toEqual([APP]);
  });

  test('is refused while a child or a blob is not in this very repository', async () => {
    await push(MULTI, OTHER);
    const repository = registry.repository(APP);
    const { manifest } = MULTI;
    const put = repository.putManifest(manifest, readManifest(manifest.bytes).content, [LATEST]);
    expect(await refusal(put)).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
    const [blob] = blobsOf(MULTI);
    expect(await refusal((async () => await repository.openBlob(blob?.digest ?? digestOf('')))())).toMatchObject({
      status: 404,
    });
  });

  test('can take the blobs of a repository that has them', async () => {
    await push(MULTI, OTHER);
    const repository = registry.repository(APP);
    for (const { digest } of blobsOf(MULTI)) expect(await repository.mountBlob(digest, OTHER)).toBe(true);
    expect(await repository.mountBlob(digestOf('nobody has it'), OTHER)).toBe(false);
    const [blob] = blobsOf(MULTI);
    expect(
      await registry.repository(parseRepositoryName('third')).mountBlob(blob?.digest ?? digestOf(''), undefined),
    ).toBe(true);
  });
});

describe('a blob that a killed collection left in the trash', () => {
  const blob = digestOf('blob');
  const leave = async () => {
    const { id } = await registry.repository(APP).beginUpload('sha256');
    await registry.repository(APP).finishUpload(id, blob, { body: chunks(Buffer.from('blob')) });
    await content.delete(blob);
  };

  test.each<[string, () => Promise<unknown>, unknown]>([
    ['read', () => bytesAt(APP, blob), 'blob'],
    ['asked for', async () => (await registry.repository(APP).statBlob(blob)).sizeBytes, 4],
    ['mounted', () => registry.repository(OTHER).mountBlob(blob, APP), true],
  ])('comes back when it is %s', async (_, ask, answer) => {
    await leave();
    expect(await ask()).toEqual(answer);
    expect(await content.stat(blob)).toMatchObject({ sizeBytes: 4 });
  });

  test('stays there for a repository that does not have it', async () => {
    await leave();
    expect(await refusal(registry.repository(OTHER).openBlob(blob))).toMatchObject({ status: 404 });
    expect(await content.stat(blob)).toBeUndefined();
  });

  test('is unknown when the trash has been emptied', async () => {
    await leave();
    await content.emptyTrash(new Date(8e15));
    expect(await refusal(registry.repository(APP).openBlob(blob))).toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(await refusal(registry.repository(APP).statBlob(blob))).toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(await registry.repository(OTHER).mountBlob(blob, APP)).toBe(false);
  });
});

describe('an upload', () => {
  test('goes on where it stopped, and belongs to its repository', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    expect(await repository.appendToUpload(id, { body: chunks(Buffer.from('one ')), offset: 0 })).toEqual({
      id,
      receivedBytes: 4,
    });
    expect(await refusal(repository.appendToUpload(id, { body: chunks(), offset: 3 }))).toMatchObject({
      code: 'RANGE_INVALID',
    });
    expect(await refusal(registry.repository(OTHER).upload(id))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await repository.upload(id)).toEqual({ id, receivedBytes: 4 });
    await repository.finishUpload(id, digestOf('one two'), { body: chunks(Buffer.from('two')) });
    expect(await bytesAt(APP, digestOf('one two'))).toBe('one two');
    expect(await refusal(repository.upload(id))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  test('keeps what came before its client left', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    const leaving = (async function* () {
      yield await Promise.resolve(Buffer.from('half'));
      throw new Error('the client has left');
    })();
    expect(await refusal(repository.appendToUpload(id, { body: leaving }))).toMatchObject({
      message: 'the client has left',
    });
    expect(await repository.upload(id)).toEqual({ id, receivedBytes: 4 });
  });

  test('of other bytes than its digest says leaves nothing', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    const finish = repository.finishUpload(id, digestOf('right'), { body: chunks(Buffer.from('wrong')) });
    expect(await refusal(finish)).toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await refusal(repository.upload(id))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await content.stat(digestOf('right'))).toBeUndefined();
  });

  test('is not shared by two requests at once', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    const gate = Promise.withResolvers<void>();
    const slow = (async function* () {
      await gate.promise;
      yield Buffer.from('slow');
    })();
    const first = repository.appendToUpload(id, { body: slow });
    await expect
      .poll(() => repository.appendToUpload(id, { body: chunks() }).catch((error: unknown) => error))
      .toMatchObject({ code: 'RANGE_INVALID' });
    gate.resolve();
    expect(await first).toMatchObject({ receivedBytes: 4 });
  });

  test('that was ended meanwhile becomes no blob, as nothing would hold it', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    const endingIt = (async function* () {
      await metadata.endUpload(id);
      yield Buffer.from('late');
    })();
    const finish = repository.finishUpload(id, digestOf('late'), { body: endingIt });
    expect(await refusal(finish)).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await content.stat(digestOf('late'))).toBeUndefined();
  });

  test('that was cancelled is gone', async () => {
    const repository = registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    await repository.cancelUpload(id);
    expect(await refusal(repository.upload(id))).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await content.statIngest(id)).toBeUndefined();
  });
});

describe('an immutable tag', () => {
  test('stays where it is, and may be pushed again as it is', async () => {
    const [one, two] = [image('one'), image('two')];
    await push(one, APP, 'v1', 'moving');
    await push(one, APP, 'v1');
    await push(two, APP, 'moving');
    expect(await refusal(push(two, APP, 'v1'))).toMatchObject({ code: 'DENIED' });
    expect(await refusal(registry.repository(APP).deleteTag(parseTag('v1')))).toMatchObject({ code: 'DENIED' });
    expect(await refusal(registry.repository(APP).deleteManifest(one.manifest.digest))).toMatchObject({
      code: 'DENIED',
    });
    expect(await registry.repository(APP).resolve(parseTag('v1'))).toMatchObject({ digest: one.manifest.digest });
  });
});

test('what is not there is told apart from a repository that is not there', async () => {
  const unknown = digestOf('unknown');
  const asks = [
    (name: typeof APP) => registry.repository(name).resolve(LATEST),
    (name: typeof APP) => registry.repository(name).manifest(unknown),
    (name: typeof APP) => registry.repository(name).statBlob(unknown),
    (name: typeof APP) => registry.repository(name).deleteManifest(unknown),
    (name: typeof APP) => registry.repository(name).deleteTag(LATEST),
  ];
  await push(image('x'), APP);
  for (const ask of asks) {
    expect(await refusal((async () => await ask(OTHER))())).toMatchObject({ code: 'NAME_UNKNOWN' });
    expect(await refusal((async () => await ask(APP))())).toMatchObject({
      code: expect.stringMatching(/^(MANIFEST|BLOB)_UNKNOWN$/) as string,
    });
  }
});

test('referrers are told with their artifact type, or that of their configuration', async () => {
  const subject = image('subject');
  await push(subject, APP);
  const { manifest } = subject;
  const about = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength };
  const plain = readManifest(image('sbom').manifest.bytes).content;
  if (plain.kind !== 'image') throw new Error('it is an image');
  await push(image('sbom'), APP);
  const body = { schemaVersion: 2, mediaType: manifest.mediaType, config: plain.config, layers: [], subject: about };
  for (const artifactType of [undefined, 'application/x-sbom']) {
    const bytes = Buffer.from(JSON.stringify({ ...body, artifactType }));
    const one = { digest: digestOf(bytes), mediaType: manifest.mediaType, bytes };
    await registry.repository(APP).putManifest(one, readManifest(bytes).content, []);
  }
  const found = await Array.fromAsync(registry.repository(APP).referrers(manifest.digest, {}));
  const types = new Set(found.map(({ artifactType }) => artifactType));
  expect(types).toEqual(new Set([plain.config.mediaType, 'application/x-sbom']));
});

function targetsOfLibrary(): StoredTargets {
  const now = () => clock.now();
  return new StoredTargets({ registry, metadata, content, now, upstream: 'docker.io', job: 'library' });
}

describe('as a target of a sync', () => {
  test('takes blobs and manifests, mounts what another repository has, and pins the tags', async () => {
    const targets = targetsOfLibrary();
    const graph = image('x', ['base']);
    const target = targets.repository(APP);
    for (const { digest, parts, sizeBytes } of graph.blobs) {
      const blob = { mediaType: 'x', digest, size: sizeBytes };
      const open = () => Promise.resolve(ReadableStream.from(parts));
      expect(await target.push(blob, open)).toBe('sent');
      expect(await target.push(blob, open)).toBe('present');
      expect(await targets.repository(OTHER).push(blob, open, { mountFrom: APP })).toBe('mounted');
    }
    await target.put(graph.manifest, [LATEST]);
    expect(await target.listTags()).toEqual(new Set([LATEST]));
    expect(await targets.repository(parseRepositoryName('no/such')).listTags()).toBeUndefined();
    expect(await metadata.pinsOf('library', { limit: 10 })).toEqual([{ repository: APP, tag: LATEST, job: 'library' }]);
    const { size } = new Set(graph.blobs.map(({ digest }) => digest));
    expect([targets.traffic.requests('blobPut'), targets.traffic.requests('mount')]).toEqual([size, size]);
    await target.deleteTag(LATEST);
    expect(await metadata.pinsOf('library', { limit: 10 })).toEqual([]);
  });

  test.each([
    ['an image without its foreign layer', image('windows', ['own'], ['foreign']), 'own'],
    ['an index with the layers that it names', layerIndex('what it is for', 'a cached layer'), 'a cached layer'],
  ])('holds %s, until a layer of our own is gone', async (_, graph, layer) => {
    await push(graph, APP, 'latest');
    const target = targetsOfLibrary().repository(APP);
    expect(await target.holds(graph.manifest.digest, [])).toBe(true);
    await registry.repository(APP).deleteBlob(digestOf(layer));
    expect(await target.holds(graph.manifest.digest, [])).toBe(false);
  });

  test('keeps nothing of a body that is wrong, and asks again for one that broke off', async () => {
    const targets = targetsOfLibrary();
    const right = Buffer.from('right');
    const blob = { mediaType: 'x', digest: digestOf(right), size: right.byteLength };
    const wrong = () => Promise.resolve(ReadableStream.from([Buffer.from('wrong')]));
    expect(await refusal(targets.repository(APP).push(blob, wrong))).toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await content.stat(blob.digest)).toBeUndefined();
    let opened = 0;
    const breaksOnce = async () => {
      opened += 1;
      if (opened > 1) return ReadableStream.from([right]);
      const lost = Object.assign(new Error('lost'), { isRetryable: true });
      return new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(lost) });
    };
    expect(await targets.repository(APP).push(blob, breaksOnce)).toBe('sent');
    expect(await Array.fromAsync(content.listIngests())).toEqual([]);
  });
});
