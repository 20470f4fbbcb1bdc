// What the steps of a garbage collection work with, and how they let others have their turn.
import { setImmediate } from 'node:timers/promises';
import type { BlobStore } from '../content/blob-store.ts';
import type { Scan, ScanPage } from '../metadata/housekeeping.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';

export interface CollectedGarbage {
  uploads: number;
  manifests: number;
  /** Those whose bytes went to the trash. */
  blobs: number;
  sizeBytes: number;
  /** Entries of the histories of tags. */
  tagMoves: number;
  /** The room of what had been in the trash for an hour. */
  freedBytes: number;
  /** Blobs that a collection which was broken off had taken from somebody, and that are in their place again. */
  broughtBack: number;
}

export type CollectedContent = Pick<
  BlobStore,
  'list' | 'stat' | 'delete' | 'restore' | 'listTrash' | 'emptyTrash' | 'listIngests' | 'statIngest' | 'abortIngest'
>;

export interface Collection {
  readonly metadata: MetadataStore;
  readonly content: CollectedContent;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly startedAtMs: number;
  /** What came since is left alone. */
  readonly before: number;
  readonly collected: CollectedGarbage;
  /** Lets other processes have their turn at the database. */
  readonly pause: () => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

export function nothingCollected(): CollectedGarbage {
  return { uploads: 0, manifests: 0, blobs: 0, sizeBytes: 0, tagMoves: 0, freedBytes: 0, broughtBack: 0 };
}

const ROWS_A_PAGE = 500;
/** A transaction that writes so many takes a few milliseconds, in which nobody else writes. */
const ITEMS_A_TURN = 50;

/** All that a scan finds, by as many as may be written at a time, with a pause after each. */
export async function* scanInTurns<T>(
  scan: (page: ScanPage) => Promise<Scan<T>>,
  collection: Collection,
  itemsATurn = ITEMS_A_TURN,
): AsyncGenerator<readonly T[], undefined> {
  for (let after: string | undefined; ;) {
    const { found, next } = await scan({ after, limit: ROWS_A_PAGE });
    for await (const some of inTurns(found, collection, itemsATurn)) {
      yield some;
      await collection.pause();
    }
    if (next === undefined) return;
    after = next;
  }
}

/** By as many as may be written at a time. A database in this process lets nobody have their turn by itself. */
export async function* inTurns<T>(
  items: readonly T[],
  { signal }: Collection,
  itemsATurn = ITEMS_A_TURN,
): AsyncGenerator<readonly T[], undefined> {
  await setImmediate();
  signal?.throwIfAborted();
  for (let start = 0; start < items.length; start += itemsATurn) {
    yield items.slice(start, start + itemsATurn);
    await setImmediate();
    signal?.throwIfAborted();
  }
}
