import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Digest, DigestHasher, algorithmOf } from '../../oci/digest.ts';
import type { FileSlice, OpenBlob } from '../blob-store.ts';
import { type ByteRange, checkRange } from '../byte-range.ts';
import { type DigestAlgorithm, wrongDigest } from '../ingest.ts';
import { codeOf } from '../storage-error.ts';

/** Larger reads save little, smaller ones cost a third. */
const READ_BYTES = 256 * 1024;
/** Neither follows a link that somebody put there, nor waits for the other end of a pipe. */
const PLAIN_FILE = constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What opening something else under the name of a file says. */
const NO_FILE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ELOOP', 'EISDIR', 'ENXIO']);

export interface PlainFile {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

/** A file to read that nobody writes any more. */
export class BlobFile implements OpenBlob {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #toError: (error: unknown) => unknown;
  readonly #place: string | undefined;

  /** `place` is where others find the file, below the folder of all blobs. */
  constructor({ handle, sizeBytes }: PlainFile, toError: (error: unknown) => unknown, place?: string) {
    this.#file = handle;
    this.sizeBytes = sizeBytes;
    this.#toError = toError;
    this.#place = place;
  }

  slice(range?: ByteRange): FileSlice {
    return { ...checkRange(this.sizeBytes, range), file: this.#file, place: this.#place };
  }

  stream(range?: ByteRange): ReadableStream<Uint8Array> {
    const chunks = readChunks(this.#file, checkRange(this.sizeBytes, range));
    const close = () => this[Symbol.asyncDispose]();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            const { done, value } = await chunks.next();
            if (!done) {
              controller.enqueue(value);
              return;
            }
          } catch (error) {
            await close();
            throw this.#toError(error);
          }
          await close();
          controller.close();
        },
        cancel: close,
      },
      { highWaterMark: 0 },
    );
  }

  /** Throws DIGEST_INVALID when it holds something else, and closes it then. */
  async verify(digest: Digest): Promise<void> {
    try {
      const hasher = await hashFile(this.#file, this.sizeBytes, algorithmOf(digest));
      const found = hasher.digest();
      if (found !== digest) throw wrongDigest(found, digest);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** A plain file to read, and its size; `undefined` when there is none under that name. */
export async function openPlainFile(file: string): Promise<PlainFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | PLAIN_FILE);
  } catch (error) {
    if (NO_FILE.has(codeOf(error))) return undefined;
    throw error;
  }
  try {
    const status = await handle.stat();
    if (status.isFile()) return { handle, sizeBytes: status.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** Hashes the first bytes of a file, from the disk. Throws when there are fewer. */
export async function hashFile(file: FileHandle, sizeBytes: number, algorithm: DigestAlgorithm): Promise<DigestHasher> {
  const hasher = new DigestHasher(algorithm);
  for await (const chunk of readChunks(file, { startByte: 0, endByte: sizeBytes })) hasher.update(chunk);
  return hasher;
}

async function* readChunks(file: FileHandle, { startByte, endByte }: ByteRange): AsyncGenerator<Uint8Array, undefined> {
  for (let position = startByte; position < endByte;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, endByte - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
    if (bytesRead === 0) throw new Error(`a file that is read ends at byte ${position}, and had ${endByte} before`);
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
