// A collection that is killed before each of its calls in turn, to metadata and to content; or of which each fails.
import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Graph, blobsOf, image, index, manifestsOf } from '../../test/support/image-graph.ts';
import { Life, Mishap, mortal } from '../../test/support/metadata/mortal.ts';
import type { BlobStatus } from '../content/blob-store.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { StorageError } from '../content/storage-error.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { collectGarbage } from './collect-garbage.ts';
import { StoredRegistry } from './stored-registry.ts';

const APP = parseRepositoryName('app');
const DAY_MS = 86_400_000;
const kept = index(image('a', ['base', 'a']), image('b', ['base', 'b']));
const untagged = index(image('c', ['base', 'c']), image('d', ['d']));
const AGAIN = 'pushed again';

/** Lets somebody push a blob just before it goes to the trash. */
class InterruptedBlobStore extends MemoryBlobStore {
  beforeDelete: ((digest: Digest) => Promise<void>) | undefined;

  override async delete(digest: Digest, placedBefore?: Date): Promise<BlobStatus | undefined> {
    await this.beforeDelete?.(digest);
    return await super.delete(digest, placedBefore);
  }
}

/** What a year leaves: a tagged image, and of everything that is garbage some. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly content = new InterruptedBlobStore({ now: () => this.clock.now() });
  readonly parts: { readonly metadata: SqliteMetadataStore; readonly content: MemoryBlobStore; now(): number };
  readonly #registry: StoredRegistry;

  constructor(metadata: SqliteMetadataStore) {
    this.parts = { metadata, content: this.content, now: () => this.clock.now() };
    this.#registry = new StoredRegistry(this.parts);
  }

  async fill(): Promise<void> {
    const repository = this.#registry.repository(APP);
    for (const [graph, ...tags] of [[kept, parseTag('latest')], [untagged]] as const) await this.#push(graph, tags);
    for (const text of ['unnamed', AGAIN]) await this.push(text);
    for (const text of ['unknown', 'unknown, too']) await this.leaveBytes(text);
    await repository.beginUpload('sha256');
    await this.content.begin();
    this.clock.advance(2 * DAY_MS);
  }

  async leaveBytes(text: string | Uint8Array): Promise<void> {
    const ingest = await this.content.begin();
    await ingest.append(Buffer.from(text));
    await ingest.commit(digestOf(text));
  }

  async push(text: string | Uint8Array): Promise<void> {
    const repository = this.#registry.repository(APP);
    const { id } = await repository.beginUpload('sha256');
    await repository.finishUpload(id, digestOf(text), { body: ReadableStream.from([Buffer.from(text)]) });
  }

  /** Digests that the repository says it has, and whose bytes are not there. */
  async missing(): Promise<readonly Digest[]> {
    const digests = [kept, untagged].flatMap(blobsOf).map(({ digest }) => digest);
    const missing: Digest[] = [];
    for (const digest of new Set([...digests, digestOf('unnamed'), digestOf(AGAIN)])) {
      const isSaidToBeHere = (await this.parts.metadata.statBlob(APP, digest)) !== undefined;
      if (isSaidToBeHere && (await this.content.stat(digest)) === undefined) missing.push(digest);
    }
    return missing;
  }

  async blobs(): Promise<readonly Digest[]> {
    return (await Array.fromAsync(this.content.list())).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
  }

  async #push(graph: Graph, tags: readonly ReturnType<typeof parseTag>[]): Promise<void> {
    for (const { parts } of blobsOf(graph)) await this.push(Buffer.concat(parts));
    for (const manifest of manifestsOf(graph)) {
      const isTop = manifest.digest === graph.manifest.digest;
      const { content } = readManifest(manifest.bytes);
      await this.#registry.repository(APP).putManifest(manifest, content, isTop ? tags : []);
    }
  }
}

/** Kills a collection before its first call, its second, and so on, and gives each world to `look`. */
async function killEverywhere(
  prepare: (world: World) => void,
  look: (world: World, killedBefore: number) => Promise<void>,
): Promise<number> {
  for (let calls = 0; ; calls += 1) {
    await using world = new World(await SqliteMetadataStore.inMemory({ clock: new FakeClock() }));
    await world.fill();
    prepare(world);
    const life = new Life(calls);
    await Promise.race([collectGarbage(mortal(world.parts, life), { untagged: true }), life.end]);
    if (!life.isOver) return calls;
    // What it had begun goes on to its end, as what it asked of the system would.
    await new Promise(setImmediate);
    await look(world, calls);
  }
}

const keptDigests = blobsOf(kept)
  .map(({ digest }) => digest)
  .toSorted();

test('killed anywhere, nothing is missing, and the next collection deletes all that is left to delete', async () => {
  const calls = await killEverywhere(
    () => undefined,
    async (world, killedBefore) => {
      expect(await world.missing(), `killed before call ${killedBefore}`).toEqual([]);
      expect((await collectGarbage(world.parts, { untagged: true })).broughtBack).toBe(0);
      expect(await world.blobs()).toEqual(keptDigests);
      expect(await Array.fromAsync(world.content.listIngests())).toEqual([]);
      expect(await world.missing()).toEqual([]);
    },
  );
  expect(calls).toBeGreaterThan(30);
});

test('killed anywhere beside a push of what it deletes, the next collection gives the blob back', async () => {
  let broughtBack = 0;
  await killEverywhere(
    (world) => {
      world.content.beforeDelete = async (digest) => {
        if (digest === digestOf(AGAIN)) await world.push(AGAIN);
      };
    },
    async (world) => {
      world.content.beforeDelete = undefined;
      broughtBack += (await collectGarbage(world.parts, { untagged: true })).broughtBack;
      expect(await world.missing()).toEqual([]);
    },
  );
  expect(broughtBack).toBeGreaterThan(0);
});

test('when any of its calls fails it says why and loses nothing, and the next collection deletes the rest', async () => {
  for (let calls = 0; ; calls += 1) {
    await using world = new World(await SqliteMetadataStore.inMemory({ clock: new FakeClock() }));
    await world.fill();
    const mishap = new Mishap(calls, new StorageError('STORAGE_FAILING', 'the disk fails (EIO)'));
    const collecting = collectGarbage(mortal(world.parts, mishap), { untagged: true });
    const outcome = await collecting.catch((error: unknown) => error);
    if (!mishap.hasHappened) break;
    expect(outcome).toMatchObject({ code: 'STORAGE_FAILING' });
    expect(await world.missing(), `call ${calls} failed`).toEqual([]);
    // What it put back is as new as that.
    world.clock.advance(DAY_MS);
    await collectGarbage(world.parts, { untagged: true });
    expect(await world.blobs()).toEqual(keptDigests);
  }
});
