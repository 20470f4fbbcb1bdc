import type { Upload } from '../metadata/housekeeping.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import { type Collection, inTurns } from './collection.ts';

const HOUR_MS = 3_600_000;
const STALE_MS = 24 * HOUR_MS;
const UPLOADS_A_PAGE = 100;

/** The row goes first: who comes back then is told that the upload ended, and its bytes go now or with the next one. */
export async function endStaleUploads(collection: Collection): Promise<void> {
  const { metadata, content, collected, now, startedAtMs } = collection;
  const before = startedAtMs - STALE_MS;
  for await (const { id, digest } of staleUploads(collection, before)) {
    if (!(await isIdle(collection, id, before))) continue;
    // Its bytes may have been committed, and whoever did that may still live.
    if (digest !== undefined) await metadata.lease([digest], now() + HOUR_MS);
    if (!(await metadata.endStaleUpload(id, before))) continue;
    await content.abortIngest(id);
    collected.uploads += 1;
  }
}

export async function abortUnknownIngests(collection: Collection): Promise<void> {
  const { metadata, content, collected, startedAtMs, signal } = collection;
  const before = startedAtMs - STALE_MS;
  for await (const { id, changedAt } of content.listIngests()) {
    signal?.throwIfAborted();
    if (changedAt.getTime() >= before || (await metadata.upload(id)) !== undefined) continue;
    // There may be a younger copy of it than the one that was listed.
    if (!(await isIdle(collection, id, before))) continue;
    collected.uploads += 1;
    await content.abortIngest(id);
  }
}

/** A single request may bring bytes for longer than uploads last: metadata hears of them when it is over. */
async function isIdle({ content }: Collection, id: string, before: number): Promise<boolean> {
  const ingest = await content.statIngest(id);
  return ingest === undefined || ingest.changedAt.getTime() < before;
}

async function* staleUploads(collection: Collection, before: number): AsyncGenerator<Upload, undefined> {
  for (let last: string | undefined; ;) {
    const page = await pageOf(collection.metadata, before, last);
    for await (const some of inTurns(page, collection)) yield* some;
    if (page.length < UPLOADS_A_PAGE) return;
    last = page.at(-1)?.id;
  }
}

async function pageOf(metadata: MetadataStore, before: number, last: string | undefined): Promise<readonly Upload[]> {
  return await metadata.staleUploads(before, { last, limit: UPLOADS_A_PAGE });
}
