// Where blobs are while they are being fetched, for all processes at one data folder.
import { mkdirSync } from 'node:fs';
import { lstat, opendir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DiskError, sayWhatToDo } from '../../database/disk-error.ts';
import { FileLockFolder } from '../../database/file-lock-folder.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { StorageError, nothingIfGone, toStorageError } from '../storage-error.ts';
import { isVerified } from './filling-file.ts';

/** What nobody went on with for so long is not waited for any more. */
const STRAY_AGE_MS = 24 * 3_600_000;
const PART_SUFFIX = '.part';
const OURS = /^(.+)\.(?:part|lock)$/;

/**
 *     DATA/filling-v1/sha256-abcd….part    the beginning of a blob: its length is how far it may be read, but for its last
 *                                          byte; it becomes the blob by a rename, or goes when it hashes wrong. Once it
 *                                          hashed right it is read only, and may be read to its end
 *                     sha256-abcd….lock    locked by the process that fetches it, as long as it lives
 *                     locks.guard          locked for a moment, while a lock comes or goes
 *
 * What a killed process left is gone on with by whoever wants the blob next.
 */
export class FillingFolder {
  readonly #path: string;
  readonly #locks: FileLockFolder;

  constructor(dataFolder: string) {
    this.#path = path.join(dataFolder, 'filling-v1');
    this.#locks = new FileLockFolder(this.#path);
  }

  partOf(digest: Digest): string {
    return path.join(this.#path, `${nameOf(digest)}${PART_SUFFIX}`);
  }

  /** The right to fetch the blob; `undefined` while somebody has it. Throws StorageError. */
  lock(digest: Digest): Disposable | undefined {
    try {
      mkdirSync(this.#path, { recursive: true });
      return this.#locks.take(nameOf(digest));
    } catch (error) {
      throw toLockFailure(error, this.#path);
    }
  }

  /** Whether all of it is here and hashed right: who fetched it was killed before he could put it into its place. */
  async isVerified(digest: Digest): Promise<boolean> {
    const status = await this.attempt(() => lstat(this.partOf(digest)).catch(nothingIfGone));
    return status?.isFile() === true && isVerified(status);
  }

  /** For whoever has the lock. */
  async removePart(digest: Digest): Promise<void> {
    await this.attempt(() => rm(this.partOf(digest), { force: true }));
  }

  async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(error, this.#path);
    }
  }

  /** Removes what nobody went on with for a day. */
  async sweep(nowMs: number): Promise<void> {
    await this.attempt(async () => {
      const names = await opendir(this.#path).catch(nothingIfGone);
      for await (const { name } of names ?? []) {
        const digest = digestOfName(name);
        if (digest !== undefined && (await this.#isStray(digest, nowMs))) await this.#remove(digest, nowMs);
      }
    });
  }

  /** A lock is as old as its first taking, whoever went on since: the bytes count, where there are any. */
  async #isStray(digest: Digest, nowMs: number): Promise<boolean> {
    const statusOf = (file: string) => lstat(file).catch(nothingIfGone);
    const status =
      (await statusOf(this.partOf(digest))) ?? (await statusOf(path.join(this.#path, `${nameOf(digest)}.lock`)));
    return status !== undefined && nowMs - status.mtimeMs > STRAY_AGE_MS;
  }

  async #remove(digest: Digest, nowMs: number): Promise<void> {
    using lock = this.lock(digest);
    // Somebody may have gone on with it just now, and left again.
    if (lock !== undefined && (await this.#isStray(digest, nowMs))) await this.removePart(digest);
  }
}

function nameOf(digest: Digest): string {
  return digest.replace(':', '-');
}

function digestOfName(name: string): Digest | undefined {
  const digest = OURS.exec(name)?.[1]?.replace('-', ':') ?? '';
  return isDigest(digest) ? digest : undefined;
}

/** SQLite has its own words for what a disk refuses. */
function toLockFailure(error: unknown, folder: string): unknown {
  const said = sayWhatToDo(error, folder);
  if (!(said instanceof DiskError)) return error;
  return new StorageError(said.code === 'DISK_FULL' ? 'STORAGE_FULL' : 'STORAGE_FAILING', said.message, {
    cause: error,
  });
}
