// Gives back the room of what nothing keeps, beside clients that push. Who pushes holds a blob before its bytes come
// (StoredRepository.finishUpload), so bytes that nobody knows of and nobody holds are of a push that died.
import { setImmediate } from 'node:timers/promises';
import type { BlobStore } from '../content/blob-store.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import {
  bringBackNeededBlobs,
  deleteUnknownBlobs,
  deleteUnreferencedBlobs,
  forgetUnnamedBlobs,
} from './collect-garbage-blobs.ts';
import { abortUnknownIngests, endStaleUploads } from './collect-garbage-uploads.ts';
import {
  type CollectedContent,
  type CollectedGarbage,
  type Collection,
  nothingCollected,
  scanInTurns,
} from './collection.ts';

export interface GarbageParts {
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface GarbageOptions {
  /** What came since is left alone; an hour where nothing is said. A push has so long from a blob to its manifest. */
  readonly olderThanMs?: number | undefined;
  /** Whether manifests go that no tag, parent or subject keeps. */
  readonly untagged?: boolean | undefined;
  /** Goes through all of it with a copy of the metadata, to count what would go now, and changes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Is waited for after each transaction, so that other processes have their turn at the database. */
  readonly pause?: (() => Promise<unknown>) | undefined;
  /** Ends the collection after the blobs that it is at. */
  readonly signal?: AbortSignal | undefined;
}

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Each of them is a dozen statements. */
const MANIFESTS_A_TURN = 10;
const LEASES_A_TURN = 250;
const MOVES_KEPT = 100;
const MOVES_A_TURN = 250;

/**
 * Bytes lie in the trash for an hour before a later collection frees them. Whoever needs a blob again while it is on its
 * way there finds it in its place when the collection is over, or, if that was killed, after the next one. The history of
 * a tag keeps its last 100 moves, and all of the last year. One collection at a time: the caller sees to it.
 */
export async function collectGarbage(parts: GarbageParts, options: GarbageOptions = {}): Promise<CollectedGarbage> {
  if (options.dryRun !== true) return await collect(parts, options);
  await using metadata = await parts.metadata.rehearsal();
  return await collect({ ...parts, metadata, content: leftAlone(parts.content) }, options);
}

async function collect(
  parts: Omit<GarbageParts, 'content'> & { readonly content: CollectedContent },
  { olderThanMs = HOUR_MS, untagged = false, pause = setImmediate, signal }: GarbageOptions,
): Promise<CollectedGarbage> {
  const startedAtMs = parts.now();
  const collected = nothingCollected();
  const collection = { ...parts, startedAtMs, before: startedAtMs - olderThanMs, collected, pause, signal };
  await bringBackNeededBlobs(collection);
  // What is unknown goes first, or what only became so would be counted twice where nothing is deleted.
  await abortUnknownIngests(collection);
  await endStaleUploads(collection);
  await deleteUnknownBlobs(collection);
  if (untagged) await forgetUntaggedManifests(collection);
  await forgetLeases(collection);
  await deleteUnreferencedBlobs(collection);
  // What went with those is not forgotten a repository at a time.
  await forgetUnnamedBlobs(collection);
  await trimTagHistories(collection);
  collected.freedBytes = (await parts.content.emptyTrash(new Date(startedAtMs - HOUR_MS))).sizeBytes;
  return collected;
}

/** An index keeps its children until it is gone, so this is done until nothing more is found. */
async function forgetUntaggedManifests(collection: Collection): Promise<void> {
  const { metadata, collected, before } = collection;
  for (;;) {
    const known = collected.manifests;
    const found = scanInTurns((page) => metadata.untaggedManifests(before, page), collection, MANIFESTS_A_TURN);
    for await (const manifests of found) {
      collected.manifests += await metadata.forgetUntaggedManifests(manifests, before);
    }
    if (collected.manifests === known) return;
  }
}

async function forgetLeases({ metadata, signal, pause }: Collection): Promise<void> {
  while ((await metadata.forgetLeases(LEASES_A_TURN)) === LEASES_A_TURN) {
    signal?.throwIfAborted();
    await pause();
  }
}

async function trimTagHistories(collection: Collection): Promise<void> {
  const { metadata, collected, startedAtMs, signal, pause } = collection;
  const limits = { keep: MOVES_KEPT, before: startedAtMs - YEAR_MS };
  const found = scanInTurns((page) => metadata.longTagHistories(MOVES_KEPT, page), collection);
  for await (const tag of each(found)) {
    for (let trimmed = MOVES_A_TURN; trimmed === MOVES_A_TURN;) {
      signal?.throwIfAborted();
      trimmed = await metadata.trimTagHistory(tag, limits, MOVES_A_TURN);
      collected.tagMoves += trimmed;
      await pause();
    }
  }
}

async function* each<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T, undefined> {
  for await (const page of pages) yield* page;
}

/** Shows what is there, and says of everything that it was done. */
function leftAlone(content: BlobStore): CollectedContent {
  return {
    list: () => content.list(),
    stat: (digest) => content.stat(digest),
    async delete(digest, placedBefore) {
      const blob = await content.stat(digest);
      return blob !== undefined && (placedBefore === undefined || blob.placedAt < placedBefore) ? blob : undefined;
    },
    restore: async () => true,
    async *listTrash() {
      // What is brought back is no garbage.
    },
    emptyTrash: async () => ({ blobs: 0, sizeBytes: 0 }),
    listIngests: () => content.listIngests(),
    statIngest: (id) => content.statIngest(id),
    abortIngest: async () => undefined,
  };
}
