import type { BlobStore } from '../../src/content/blob-store.ts';
import type { ByteRange } from '../../src/content/byte-range.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { readAll } from '../../src/streams/read-all.ts';

const MAX_BYTES = 100_000_000;

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export async function commit(store: BlobStore, bytes: Uint8Array, digest: Digest, chunkBytes = 65_536): Promise<void> {
  await using ingest = await store.begin();
  for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
    await ingest.append(bytes.subarray(start, start + chunkBytes));
  }
  await ingest.commit(digest);
}

/** Throws when there is no such blob. */
export async function bytesOf(store: BlobStore, digest: Digest, range?: ByteRange): Promise<Uint8Array> {
  await using blob = await store.open(digest);
  if (blob === undefined) throw new Error(`${digest} is not there`);
  return await readStream(blob.stream(range));
}

export async function readStream(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return Uint8Array.from(await readAll(stream, MAX_BYTES));
}

export async function digestsOf(store: BlobStore, after?: Digest): Promise<readonly Digest[]> {
  return (await Array.fromAsync(store.list(after))).flat();
}

/** In order, which the store itself does not promise. */
export async function trashOf(store: BlobStore): Promise<readonly Digest[]> {
  return (await Array.fromAsync(store.listTrash())).flat().toSorted();
}
