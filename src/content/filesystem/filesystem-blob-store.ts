import { lstat, lutimes, mkdir, opendir, rename, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, algorithmOf } from '../../oci/digest.ts';
import type { BlobStore, OpenBlob } from '../blob-store.ts';
import type { DigestAlgorithm, Ingest, IngestStatus } from '../ingest.ts';
import { codeOf, nothingIfGone, toStorageError } from '../storage-error.ts';
import { BlobFile, hashFile, openPlainFile } from './blob-file.ts';
import { BlobFolder, digestInTrash, moveInto, syncFolder } from './blob-folder.ts';
import { FilesystemIngest } from './filesystem-ingest.ts';
import { listDigests } from './list-digests.ts';
import { Uploads } from './uploads.ts';

export interface FilesystemBlobStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Others write to these files too, so a blob is hashed whenever it is opened; DIGEST_INVALID when it is wrong. */
  readonly isForeign?: boolean | undefined;
}

const READ_ONLY = 0o444;

/**
 * Blobs as files, shared by the processes of one machine.
 *
 *     DATA/blobs-v1/sha256/ab/cd/abcd…          a blob, whole and read-only; of 1,000,000, fifteen a folder
 *                   sha512/ab/cd/abcd…
 *                   uploads/ID                  an ingest that nobody holds
 *                           ID.HOLDER           one that a process holds, or held when it was killed
 *                   trash/sha256-abcd…          a deleted blob; its modification time is that of the deletion
 *                   quarantine/sha256-abcd….ID  what hashed wrong
 *
 * A blob comes to its place by one rename, after its bytes and before its folder are flushed. All other names, and
 * links, are neither read nor touched.
 */
export class FilesystemBlobStore implements BlobStore {
  readonly #folder: BlobFolder;
  readonly #uploads: Uploads;
  readonly #now: () => number;
  readonly #isForeign: boolean;

  /** Touches nothing yet. */
  constructor(folder: BlobFolder, { now, isForeign = false }: FilesystemBlobStoreOptions) {
    this.#folder = folder;
    this.#uploads = new Uploads(folder.uploads);
    this.#now = now;
    this.#isForeign = isForeign;
  }

  /** Makes the folder where it is missing. Throws StorageError when it cannot be. */
  static async open(dataFolder: string, options: FilesystemBlobStoreOptions): Promise<FilesystemBlobStore> {
    const root = path.join(dataFolder, 'blobs-v1');
    const folder = new BlobFolder({ blobs: root, work: root, fanOut: 2 });
    await folder.attempt(async () => {
      await mkdir(root, { recursive: true });
      await syncFolder(dataFolder);
    });
    return new FilesystemBlobStore(folder, options);
  }

  async stat(digest: Digest): Promise<{ readonly sizeBytes: number } | undefined> {
    const status = await this.#folder.attempt(() => lstat(this.#folder.pathOf(digest)).catch(nothingIfGone));
    return status?.isFile() === true ? { sizeBytes: status.size } : undefined;
  }

  async open(digest: Digest): Promise<OpenBlob | undefined> {
    return await this.#folder.attempt(async () => {
      const file = await openPlainFile(this.#folder.pathOf(digest));
      if (file === undefined) return undefined;
      const blob = new BlobFile(file, (error) => toStorageError(error, this.#folder.work));
      if (this.#isForeign) await blob.verify(digest);
      return blob;
    });
  }

  list(after?: Digest): AsyncIterable<readonly Digest[]> {
    return this.#folder.attemptEach(listDigests(this.#folder, after));
  }

  async begin(algorithm: DigestAlgorithm = 'sha256'): Promise<Ingest> {
    const held = await this.#folder.attempt(() => this.#uploads.create(algorithm));
    return new FilesystemIngest(held, this.#folder, this.#uploads);
  }

  async resume(id: string, algorithm: DigestAlgorithm = 'sha256'): Promise<Ingest> {
    const held = await this.#folder.attempt(() => this.#uploads.take(id, algorithm));
    return new FilesystemIngest(held, this.#folder, this.#uploads);
  }

  async statIngest(id: string): Promise<IngestStatus | undefined> {
    return await this.#folder.attempt(() => this.#uploads.stat(id));
  }

  listIngests(): AsyncIterable<IngestStatus> {
    return this.#folder.attemptEach(this.#uploads.list());
  }

  async abortIngest(id: string): Promise<void> {
    await this.#folder.attempt(() => this.#uploads.remove(id));
  }

  async adopt(digest: Digest, file: string): Promise<void> {
    await this.#folder.attempt(async () => {
      const found = await openPlainFile(file);
      if (found === undefined) throw new Error(`${file}, to be kept as ${digest}, is no plain file`);
      await using blob = new BlobFile(found, (error) => error);
      await blob.verify(digest);
      await found.handle.chmod(READ_ONLY);
      await found.handle.sync();
      try {
        await this.#folder.place(file, digest);
      } catch (error) {
        if (codeOf(error) !== 'EXDEV') throw error;
        await this.#copyIn(digest, blob);
        await rm(file);
      }
    });
  }

  async delete(digest: Digest): Promise<boolean> {
    if ((await this.stat(digest)) === undefined) return false;
    const file = this.#folder.pathOf(digest);
    const seconds = this.#now() / 1000;
    return await this.#isMoved(async () => {
      await lutimes(file, seconds, seconds);
      await moveInto(file, this.#folder.trashPathOf(digest));
    });
  }

  async restore(digest: Digest): Promise<boolean> {
    return await this.#isMoved(() => this.#folder.place(this.#folder.trashPathOf(digest), digest));
  }

  async emptyTrash(olderThan: Date): Promise<{ readonly blobs: number; readonly sizeBytes: number }> {
    const freed = { blobs: 0, sizeBytes: 0 };
    await this.#folder.attempt(async () => {
      const trash = await opendir(this.#folder.trash).catch(nothingIfGone);
      for await (const { name } of trash ?? []) {
        if (digestInTrash(name) === undefined) continue;
        const file = path.join(this.#folder.trash, name);
        const status = await lstat(file).catch(nothingIfGone);
        if (status?.isFile() !== true || status.mtimeMs >= olderThan.getTime()) continue;
        await unlink(file).catch(nothingIfGone);
        freed.blobs += 1;
        freed.sizeBytes += status.size;
      }
    });
    return freed;
  }

  async quarantine(digest: Digest): Promise<boolean> {
    const place = this.#folder.pathOf(digest);
    return await this.#folder.attempt(async () => {
      const found = await openPlainFile(place);
      if (found === undefined) return false;
      await using handle = found.handle;
      const hasher = await hashFile(handle, found.sizeBytes, algorithmOf(digest));
      if (hasher.digest() === digest) return false;
      const { ino } = await handle.stat();
      const aside = this.#folder.newQuarantinePathOf(digest);
      await moveInto(place, aside);
      // Another process committed it anew since it was hashed.
      const isOther = (await lstat(aside)).ino !== ino;
      if (isOther) await rename(aside, place);
      return !isOther;
    });
  }

  async #copyIn(digest: Digest, blob: OpenBlob): Promise<void> {
    await using ingest = await this.begin(algorithmOf(digest));
    for await (const chunk of blob.stream()) await ingest.append(chunk);
    await ingest.commit(digest);
  }

  async #isMoved(move: () => Promise<void>): Promise<boolean> {
    return await this.#folder.attempt(async () => {
      try {
        await move();
        return true;
      } catch (error) {
        return nothingIfGone(error) ?? false;
      }
    });
  }
}
