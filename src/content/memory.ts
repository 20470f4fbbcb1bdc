import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';
import type { BlobStatus, BlobStore, OpenBlob } from './blob-store.ts';
import { type ByteRange, checkRange } from './byte-range.ts';
import { type Ingest, type IngestStatus, unknownIngest, wrongDigest } from './ingest.ts';

export interface MemoryBlobStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What is there already. */
  readonly blobs?: Map<Digest, Uint8Array> | undefined;
}

interface Upload {
  readonly id: string;
  readonly chunks: Uint8Array[];
  changedAtMs: number;
}

interface DeletedBlob {
  readonly bytes: Uint8Array;
  readonly deletedAtMs: number;
}

const PAGE_LENGTH = 1000;

/** For tests and small things: everything is gone with the process. */
export class MemoryBlobStore implements BlobStore {
  readonly #now: () => number;
  readonly #blobs: Map<Digest, Uint8Array>;
  readonly #placedAtMs = new Map<Digest, number>();
  readonly #uploads = new Map<string, Upload>();
  readonly #trash = new Map<Digest, DeletedBlob>();

  constructor({ now, blobs = new Map() }: MemoryBlobStoreOptions) {
    this.#now = now;
    this.#blobs = blobs;
  }

  async stat(digest: Digest): Promise<BlobStatus | undefined> {
    return this.#statusOf(digest);
  }

  async open(digest: Digest): Promise<OpenBlob | undefined> {
    const bytes = this.#blobs.get(digest);
    return bytes && new MemoryBlob(bytes);
  }

  async *list(after = ''): AsyncGenerator<readonly Digest[], undefined> {
    yield* pagesOf([...this.#blobs.keys()].filter((digest) => digest > after).sort());
  }

  async begin(): Promise<Ingest> {
    return this.#hold({ id: randomUUID(), chunks: [], changedAtMs: this.#now() });
  }

  async resume(id: string): Promise<Ingest> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw unknownIngest(id);
    // A copy: the former holder may still append to his.
    return this.#hold({ ...upload, chunks: [...upload.chunks] });
  }

  async statIngest(id: string): Promise<IngestStatus | undefined> {
    const upload = this.#uploads.get(id);
    return upload && statusOf(upload);
  }

  async *listIngests(): AsyncGenerator<IngestStatus, undefined> {
    for (const upload of this.#uploads.values()) yield statusOf(upload);
  }

  async abortIngest(id: string): Promise<void> {
    this.#uploads.delete(id);
  }

  async adopt(digest: Digest, file: string): Promise<void> {
    this.#put(digest, await readFile(file));
    await rm(file);
  }

  async delete(digest: Digest, placedBefore?: Date): Promise<BlobStatus | undefined> {
    const bytes = this.#blobs.get(digest);
    const status = this.#statusOf(digest);
    if (bytes === undefined || status === undefined) return undefined;
    if (placedBefore !== undefined && status.placedAt >= placedBefore) return undefined;
    this.#trash.set(digest, { bytes, deletedAtMs: this.#now() });
    this.#blobs.delete(digest);
    return status;
  }

  async restore(digest: Digest): Promise<boolean> {
    const deleted = this.#trash.get(digest);
    if (deleted !== undefined) this.#place(digest, deleted.bytes);
    return this.#trash.delete(digest);
  }

  async *listTrash(): AsyncGenerator<readonly Digest[], undefined> {
    yield* pagesOf([...this.#trash.keys()]);
  }

  async emptyTrash(olderThan: Date): Promise<{ readonly blobs: number; readonly sizeBytes: number }> {
    const old = [...this.#trash].filter(([, { deletedAtMs }]) => deletedAtMs < olderThan.getTime());
    for (const [digest] of old) this.#trash.delete(digest);
    return { blobs: old.length, sizeBytes: lengthOf(old.map(([, { bytes }]) => bytes)) };
  }

  /** Nobody can look at what hashed wrong here, so it is not kept. */
  async quarantine(digest: Digest): Promise<boolean> {
    const bytes = this.#blobs.get(digest);
    const isWrong = bytes !== undefined && digestOf(bytes, algorithmOf(digest)) !== digest;
    return isWrong && this.#blobs.delete(digest);
  }

  #statusOf(digest: Digest): BlobStatus | undefined {
    const bytes = this.#blobs.get(digest);
    return bytes && { sizeBytes: bytes.byteLength, placedAt: new Date(this.#placedAtMs.get(digest) ?? 0) };
  }

  #hold(upload: Upload): Ingest {
    this.#uploads.set(upload.id, upload);
    return new MemoryIngest(upload, {
      append: (chunk) => {
        upload.chunks.push(Uint8Array.from(chunk));
        upload.changedAtMs = this.#now();
      },
      finish: () => this.#uploads.get(upload.id) === upload && this.#uploads.delete(upload.id),
      put: (digest, bytes) => this.#put(digest, bytes),
    });
  }

  #put(digest: Digest, bytes: Uint8Array): void {
    const found = digestOf(bytes, algorithmOf(digest));
    if (found !== digest) throw wrongDigest(found, digest);
    this.#place(digest, bytes);
  }

  #place(digest: Digest, bytes: Uint8Array): void {
    this.#blobs.set(digest, bytes);
    this.#placedAtMs.set(digest, this.#now());
  }
}

interface MemoryIngestHooks {
  append(chunk: Uint8Array): void;
  /** Whether it was still this holder's to end. */
  finish(): boolean;
  put(digest: Digest, bytes: Uint8Array): void;
}

class MemoryIngest implements Ingest {
  readonly id: string;
  readonly #upload: Upload;
  readonly #store: MemoryIngestHooks;
  #isOver = false;

  constructor(upload: Upload, store: MemoryIngestHooks) {
    this.id = upload.id;
    this.#upload = upload;
    this.#store = store;
  }

  get sizeBytes(): number {
    return lengthOf(this.#upload.chunks);
  }

  async append(chunk: Uint8Array): Promise<void> {
    if (this.#isOver) throw unknownIngest(this.id);
    this.#store.append(chunk);
  }

  async commit(digest: Digest): Promise<void> {
    if (this.#isOver) throw unknownIngest(this.id);
    this.#isOver = true;
    if (!this.#store.finish()) throw unknownIngest(this.id);
    this.#store.put(digest, Buffer.concat(this.#upload.chunks));
  }

  async abort(): Promise<void> {
    this.#isOver = true;
    this.#store.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
  }
}

class MemoryBlob implements OpenBlob {
  readonly sizeBytes: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.sizeBytes = bytes.byteLength;
  }

  slice(range?: ByteRange): undefined {
    checkRange(this.sizeBytes, range);
  }

  stream(range?: ByteRange): ReadableStream<Uint8Array> {
    const { startByte, endByte } = checkRange(this.sizeBytes, range);
    // A copy: whoever reads it may write to it.
    return ReadableStream.from<Uint8Array>(endByte > startByte ? [this.#bytes.slice(startByte, endByte)] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }
}

function* pagesOf(digests: readonly Digest[]): Generator<readonly Digest[], undefined> {
  for (let start = 0; start < digests.length; start += PAGE_LENGTH) yield digests.slice(start, start + PAGE_LENGTH);
}

function statusOf({ id, chunks, changedAtMs }: Upload): IngestStatus {
  return { id, sizeBytes: lengthOf(chunks), changedAt: new Date(changedAtMs) };
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
