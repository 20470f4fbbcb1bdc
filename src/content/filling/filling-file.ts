// The beginning of a blob on disk, which one writes and many read. Readers are behind by one byte until the whole has been
// hashed, so that nobody ever has all of a wrong blob. Its mode tells those in other processes that it has: what is read
// only hashed right, and is not written to any more.
import { type BigIntStats, type Stats, constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Awaitable } from '../../async/awaitable.ts';
import { type Digest, type DigestHasher, algorithmOf } from '../../oci/digest.ts';
import { sizeOfParts, sliceParts } from '../../streams/parts.ts';
import { hashFile } from '../filesystem/blob-file.ts';

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
const ONLY_OURS = 0o600;
/** Who comes late, and soon has caught up, is to find it in memory too. */
const MAX_RECENT_BYTES = 1024 * 1024;
const MAX_RECENT_CHUNKS = 64;
/** As blobs have it in their store. No file is created with it, whatever the umask. */
const READ_ONLY = 0o444;
const PERMISSIONS = 0o777;

interface Waiter {
  readonly count: number;
  readonly isCautious: boolean;
  readonly resolve: (grownTo: number) => void;
  readonly reject: (error: unknown) => void;
}

export class FillingFile {
  readonly path: string;
  /** No other file has it while this one is open. */
  readonly id: string;
  /** So many bytes were there when it was opened. */
  readonly foundBytes: number;
  readonly #file: FileHandle;
  readonly #hasher: DigestHasher;
  #writtenBytes: number;
  /** So many of the first bytes came from the authority and nobody else. */
  #authoritativeBytes = 0;
  #wholeBytes: number | undefined;
  #isVerified = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #waiters = new Set<Waiter>();
  /** What was written last, in memory still; it ends where the file does. */
  #recent: readonly Uint8Array[] = [];
  /** Those who read it, and the one who writes it. */
  #users = 1;

  private constructor(path: string, file: FileHandle, found: { id: string; bytes: number; hasher: DigestHasher }) {
    this.path = path;
    this.id = found.id;
    this.foundBytes = found.bytes;
    this.#file = file;
    this.#hasher = found.hasher;
    this.#writtenBytes = bytesToKeep(found.bytes);
  }

  /**
   * Goes on with what is there, if anything is. Its last byte is left to be fetched again: that tells how long the whole
   * is, also when all of it is here. It stays where it is, for who reads it already. `mayGoOn`: otherwise it is begun
   * anew, as a file that nobody reads yet.
   */
  static async open(path: string, digest: Digest, mayGoOn: boolean): Promise<FillingFile> {
    if (!mayGoOn) await rm(path, { force: true });
    const file = await open(path, FLAGS, ONLY_OURS);
    try {
      const status = await file.stat({ bigint: true });
      const bytes = Number(status.size);
      const hasher = await hashFile(file, bytesToKeep(bytes), algorithmOf(digest));
      return new FillingFile(path, file, { id: idOf(status), bytes, hasher });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#file.fd;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  set wholeBytes(wholeBytes: number) {
    this.#wholeBytes = wholeBytes;
  }

  async append(chunks: readonly Uint8Array[], isFromAuthority: boolean): Promise<void> {
    const position = this.#writtenBytes;
    const sizeBytes = sizeOfParts(chunks);
    const written = writeAll(this.#file, chunks, position);
    for (const chunk of chunks) this.#hasher.update(chunk);
    await written;
    if (isFromAuthority && this.#authoritativeBytes === position) this.#authoritativeBytes += sizeBytes;
    this.#writtenBytes += sizeBytes;
    this.#recent = lastOf([...this.#recent, ...chunks]);
    this.#wake();
  }

  /** As SharedFill has it. */
  recentFrom(position: number): readonly Uint8Array[] {
    const start = this.#writtenBytes - sizeOfParts(this.#recent);
    return position < start ? [] : sliceParts(this.#recent, position - start);
  }

  /** What the bytes hash to. To be called once, when all are there. */
  hash(): Digest {
    return this.#hasher.digest();
  }

  /** The whole has hashed right: readers may have all of it, here and elsewhere. */
  async verified(): Promise<void> {
    this.#isVerified = true;
    this.#wake();
    await this.#file.chmod(READ_ONLY);
  }

  /** There will be no more. Who waits, and whoever reads on, fails with the error. */
  failed(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
  }

  /** Whoever has it open can read on; whoever looks for it finds none. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** A stray that holds nothing is of no use to anybody. */
  async removeIfEmpty(): Promise<void> {
    if (this.#writtenBytes > 0 || this.foundBytes > 0) return;
    await this.remove().catch(() => undefined);
  }

  /** Keeps it open until `leave`. */
  join(): void {
    this.#users += 1;
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    // What was written is flushed by who keeps it: closing it can fail, and nothing is lost by that.
    if (this.#users === 0) await this.#file.close().catch(() => undefined);
  }

  /** As SharedFill has it. */
  grownPast(count: number, isCautious: boolean): Awaitable<number> {
    const grownTo = this.#grownTo(isCautious);
    if (grownTo > count || this.#isVerified) return grownTo;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    // A reader may have left by the time that it fails.
    promise.catch(() => undefined);
    if (this.#failure !== undefined) reject(this.#failure.error);
    else this.#waiters.add({ count, isCautious, resolve, reject });
    return promise;
  }

  #grownTo(isCautious: boolean): number {
    if (this.#isVerified) return this.#writtenBytes;
    const bytes = isCautious ? this.#authoritativeBytes : this.#writtenBytes;
    return Math.min(bytes, (this.#wholeBytes ?? 1) - 1);
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      const grownTo = this.#grownTo(waiter.isCautious);
      if (grownTo <= waiter.count && !this.#isVerified) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(grownTo);
    }
  }
}

/** Of a file that is open, by which it is told from those that come to its place. */
export function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** Whether a file's bytes hashed right. */
export function isVerified({ mode }: Pick<Stats, 'mode'>): boolean {
  return (mode & PERMISSIONS) === READ_ONLY;
}

function bytesToKeep(foundBytes: number): number {
  return Math.max(0, foundBytes - 1);
}

/** The last chunks, up to what is kept for those who read along. */
function lastOf(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const last = chunks.slice(-MAX_RECENT_CHUNKS);
  let sizeBytes = sizeOfParts(last);
  const start = last.findIndex((chunk) => {
    const fits = sizeBytes <= MAX_RECENT_BYTES;
    sizeBytes -= chunk.byteLength;
    return fits;
  });
  return start < 0 ? [] : last.slice(start);
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  const sizeBytes = sizeOfParts(chunks);
  for (let written = 0; written < sizeBytes;) {
    const { bytesWritten } = await file.writev(sliceParts(chunks, written), position + written);
    written += bytesWritten;
  }
}
