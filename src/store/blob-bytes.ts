import type { Awaitable } from '../async/awaitable.ts';
import type { OpenBlob } from '../content/blob-store.ts';

/** Both ends are inclusive, as in HTTP. */
export interface InclusiveRange {
  readonly first: number;
  readonly last: number;
}

/** A part of a file that is open. Whoever is given one calls `close` once. */
interface OpenSlice {
  readonly fd: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Of a file that is still being written: how many bytes of the part may be read by now, once they are more than so. */
  readonly grownPast?: ((count: number) => Awaitable<number>) | undefined;
  /**
   * What memory has of the part after its first `count` bytes, if anything: who reads along need not ask the file. It may
   * be more than may be sent by now.
   */
  readonly recent?: ((count: number) => readonly Uint8Array[]) | undefined;
  /** Of a whole blob: where its file is below the folder of all blobs. */
  readonly place?: string | undefined;
  close(): Promise<void>;
}

export interface BlobBytes {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly body: OpenSlice | ReadableStream<Uint8Array>;
}

/** The bytes of the range, or all of them: as a part of a file where the blob is one. */
export function bytesOf(blob: OpenBlob, range?: InclusiveRange): BlobBytes {
  const { sizeBytes } = blob;
  const part = range && { startByte: range.first, endByte: range.last + 1 };
  const slice = blob.slice(part);
  if (slice === undefined) return { sizeBytes, body: blob.stream(part) };
  const { file, startByte, endByte, place } = slice;
  const close = async () => await blob[Symbol.asyncDispose]();
  return { sizeBytes, body: { fd: file.fd, offset: startByte, sizeBytes: endByte - startByte, place, close } };
}
