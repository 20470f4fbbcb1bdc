// Gives back the room of what nothing keeps, beside clients that push. Who pushes holds a blob before its bytes come
// (StoredRepository.finishUpload), so bytes that nobody knows of and nobody holds are of a push that died.
import { setImmediate } from 'node:timers/promises';
import type { BlobStore } from '../content/blob-store.ts';
import type { Scan, ScanPage, Upload } from '../metadata/housekeeping.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Digest } from '../oci/digest.ts';

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
  /** Counts what is garbage now, and changes nothing. Bytes that nobody knows of are not found by looking alone. */
  readonly dryRun?: boolean | undefined;
  /** Ends the collection after the blob that it is at. */
  readonly signal?: AbortSignal | undefined;
}

export interface CollectedGarbage {
  uploads: number;
  manifests: number;
  /** Those whose bytes went to the trash. */
  blobs: number;
  sizeBytes: number;
  /** The room of what had been in the trash for an hour. */
  freedBytes: number;
}

interface Collection extends GarbageParts, GarbageOptions {
  readonly before: number;
  readonly collected: CollectedGarbage;
}

const HOUR_MS = 3_600_000;
const UPLOAD_MS = 24 * HOUR_MS;
const ROWS_A_PAGE = 100;
const LEASES_A_TURN = 1_000;

/**
 * Bytes lie in the trash for an hour before a later collection frees them. Whoever needs a blob again while it is on its
 * way there finds it in its place when the collection is over. One collection at a time: the caller sees to it.
 */
export async function collectGarbage(parts: GarbageParts, options: GarbageOptions = {}): Promise<CollectedGarbage> {
  const startedAtMs = parts.now();
  const collected = { uploads: 0, manifests: 0, blobs: 0, sizeBytes: 0, freedBytes: 0 };
  const before = startedAtMs - (options.olderThanMs ?? HOUR_MS);
  const collection = { ...parts, ...options, before, collected };
  await endStaleUploads(collection, startedAtMs - UPLOAD_MS);
  await abortUnknownIngests(collection, startedAtMs - UPLOAD_MS);
  if (options.untagged === true) await forgetUntaggedManifests(collection);
  if (options.dryRun === true) {
    await countUnreferencedBlobs(collection);
    return collected;
  }
  await forgetLeases(collection);
  await forgetUnnamedBlobs(collection);
  await deleteUnreferencedBlobs(collection);
  await deleteUnknownBlobs(collection);
  collected.freedBytes = (await parts.content.emptyTrash(new Date(startedAtMs - HOUR_MS))).sizeBytes;
  return collected;
}

async function endStaleUploads(collection: Collection, before: number): Promise<void> {
  const { metadata, content, collected, dryRun, now } = collection;
  for await (const { id } of inTurns(staleUploads(metadata, before), collection)) {
    if (!(await isIdle(content, id, before))) continue;
    collected.uploads += 1;
    if (dryRun === true) continue;
    await content.abortIngest(id);
    // Its bytes may have been committed just now, and be about to be given to the repository.
    const digest = (await metadata.upload(id))?.digest;
    if (digest !== undefined) await metadata.lease([digest], now() + HOUR_MS);
    await metadata.endUpload(id);
  }
}

async function abortUnknownIngests(collection: Collection, before: number): Promise<void> {
  const { metadata, content, collected, dryRun, signal } = collection;
  for await (const { id, changedAt } of content.listIngests()) {
    signal?.throwIfAborted();
    if (changedAt.getTime() >= before || (await metadata.upload(id)) !== undefined) continue;
    // There may be a younger copy of it than the one that was listed.
    if (!(await isIdle(content, id, before))) continue;
    collected.uploads += 1;
    if (dryRun !== true) await content.abortIngest(id);
  }
}

/** A single request may bring bytes for longer than uploads last: metadata hears of them when it is over. */
async function isIdle(content: BlobStore, id: string, before: number): Promise<boolean> {
  const ingest = await content.statIngest(id);
  return ingest === undefined || ingest.changedAt.getTime() < before;
}

/** An index keeps its children until it is gone, so this is done until nothing more is found. */
async function forgetUntaggedManifests(collection: Collection): Promise<void> {
  const { metadata, collected, before, dryRun } = collection;
  for (;;) {
    const known = collected.manifests;
    const found = pagesOf((page) => metadata.untaggedManifests(before, page));
    for await (const manifest of inTurns(found, collection)) {
      if (dryRun === true || (await metadata.forgetUntaggedManifest(manifest, before))) collected.manifests += 1;
    }
    if (dryRun === true || collected.manifests === known) return;
  }
}

async function forgetLeases({ metadata, signal }: Collection): Promise<void> {
  while ((await metadata.forgetLeases(LEASES_A_TURN)) === LEASES_A_TURN) {
    signal?.throwIfAborted();
    await setImmediate();
  }
}

async function forgetUnnamedBlobs(collection: Collection): Promise<void> {
  const { metadata, before } = collection;
  const found = pagesOf((page) => metadata.unnamedBlobs(before, page));
  for await (const blob of inTurns(found, collection)) await metadata.forgetUnnamedBlob(blob, before);
}

/** Those that repositories still have, though no manifest names them, are among these. */
async function countUnreferencedBlobs(collection: Collection): Promise<void> {
  const { metadata, content, collected, before } = collection;
  const found = pagesOf((page) => metadata.unreferencedBlobs(before, page));
  for await (const digest of inTurns(found, collection)) {
    const blob = await content.stat(digest);
    if (blob === undefined) continue;
    collected.blobs += 1;
    collected.sizeBytes += blob.sizeBytes;
  }
}

async function deleteUnreferencedBlobs(collection: Collection): Promise<void> {
  const { metadata, before } = collection;
  const found = pagesOf((page) => metadata.unreferencedBlobs(before, page));
  for await (const digest of inTurns(found, collection)) await deleteBlob(collection, digest);
}

/** Metadata says of each whether it knows it, which is asked in the same step as whether it may go. */
async function deleteUnknownBlobs(collection: Collection): Promise<void> {
  for await (const digest of inTurns(collection.content.list(), collection)) await deleteBlob(collection, digest);
}

/**
 * Forgets a blob and then deletes its bytes, so that nobody is told of what is gone. Who pushes it between the two finds
 * the bytes to be there already, and they would go with the old ones: so it is asked once more whether they may be gone,
 * and what anyone has begun to need comes back, also when that cannot be asked.
 */
async function deleteBlob({ metadata, content, collected, before }: Collection, digest: Digest): Promise<void> {
  if (!(await metadata.forgetBlob(digest, before))) return;
  const blob = await content.stat(digest);
  if (!(await content.delete(digest))) return;
  let isGarbage = false;
  try {
    isGarbage = await metadata.forgetBlob(digest, before);
  } finally {
    if (!isGarbage) await content.restore(digest);
  }
  if (!isGarbage) return;
  collected.blobs += 1;
  collected.sizeBytes += blob?.sizeBytes ?? 0;
}

async function* staleUploads(metadata: MetadataStore, before: number): AsyncGenerator<readonly Upload[], undefined> {
  for (let last: string | undefined; ;) {
    const page = await metadata.staleUploads(before, { last, limit: ROWS_A_PAGE });
    yield page;
    if (page.length < ROWS_A_PAGE) return;
    last = page.at(-1)?.id;
  }
}

async function* pagesOf<T>(scan: (page: ScanPage) => Promise<Scan<T>>): AsyncGenerator<readonly T[], undefined> {
  for (let after: string | undefined; ;) {
    const { found, next } = await scan({ after, limit: ROWS_A_PAGE });
    yield found;
    if (next === undefined) return;
    after = next;
  }
}

/** One after the other, letting others have their turn: a database in this process does not by itself. */
async function* inTurns<T>(
  pages: AsyncIterable<readonly T[]>,
  { signal }: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<T, undefined> {
  for await (const page of pages) {
    await setImmediate();
    for (const [nth, item] of page.entries()) {
      if (nth > 0 && nth % ROWS_A_PAGE === 0) await setImmediate();
      signal?.throwIfAborted();
      yield item;
    }
  }
}
