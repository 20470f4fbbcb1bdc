import { type FileHandle, rm } from 'node:fs/promises';
import { type Digest, type DigestHasher, algorithmOf } from '../../oci/digest.ts';
import { type DigestAlgorithm, type Ingest, unknownIngest, wrongDigest } from '../ingest.ts';
import { codeOf } from '../storage-error.ts';
import { hashFile } from './blob-file.ts';
import { type BlobFolder, seal } from './blob-folder.ts';
import type { Uploads } from './uploads.ts';

export interface HeldFile {
  readonly id: string;
  /** Known to this holder alone: to find it gone is to have lost the ingest. */
  readonly path: string;
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** Has seen all of it. */
  readonly hasher: DigestHasher;
  readonly algorithm: DigestAlgorithm;
}

interface IngestPlace {
  readonly folder: BlobFolder;
  readonly uploads: Uploads;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class FilesystemIngest implements Ingest {
  readonly id: string;
  readonly #held: HeldFile;
  readonly #place: IngestPlace;
  #sizeBytes: number;
  #isOver = false;

  constructor(held: HeldFile, place: IngestPlace) {
    this.id = held.id;
    this.#held = held;
    this.#place = place;
    this.#sizeBytes = held.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#refuseWhenOver();
    const position = this.#sizeBytes;
    this.#sizeBytes += chunk.byteLength;
    await this.#orAbort(async () => {
      // The disk works while the hash is computed.
      const written = writeAll(this.#held.handle, chunk, position);
      this.#held.hasher.update(chunk);
      await written;
    });
  }

  async commit(digest: Digest): Promise<void> {
    this.#refuseWhenOver();
    this.#isOver = true;
    const { path, handle } = this.#held;
    await this.#orAbort(async () => {
      const found = await this.#digestUnder(algorithmOf(digest));
      if (found !== digest) throw wrongDigest(found, digest);
      await seal(handle, this.#place.now());
      await handle.close();
      await this.#place.folder.place(path, digest).catch((error: unknown) => {
        throw codeOf(error) === 'ENOENT' ? unknownIngest(this.id) : error;
      });
    });
  }

  async abort(): Promise<void> {
    this.#isOver = true;
    await this.#place.folder.attempt(async () => {
      try {
        await this.#held.handle.close();
      } finally {
        await rm(this.#held.path, { force: true });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#place.folder.attempt(async () => {
      await this.#held.handle.close();
      await this.#place.uploads.release(this.#held);
    });
  }

  async #digestUnder(algorithm: DigestAlgorithm): Promise<Digest> {
    const { handle, hasher } = this.#held;
    const isKnown = algorithm === this.#held.algorithm;
    return (isKnown ? hasher : await hashFile(handle, this.#sizeBytes, algorithm)).digest();
  }

  #refuseWhenOver(): void {
    if (this.#isOver) throw unknownIngest(this.id);
  }

  /** What failed once is not gone on with, so it need not take up room. */
  async #orAbort(work: () => Promise<void>): Promise<void> {
    try {
      await this.#place.folder.attempt(work);
    } catch (error) {
      await this.abort().catch(() => undefined);
      throw error;
    }
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.byteLength - written, position + written);
    written += bytesWritten;
  }
}
