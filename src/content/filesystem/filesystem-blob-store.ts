import { type Stats, lstatSync, lutimesSync } from 'node:fs';
import { lstat, mkdir, opendir, rename, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, algorithmOf } from '../../oci/digest.ts';
import type { BlobStatus, BlobStore, OpenBlob } from '../blob-store.ts';
import { type DigestAlgorithm, type Ingest, type IngestStatus, wrongDigest } from '../ingest.ts';
import { codeOf, nothingIfGone, toStorageError } from '../storage-error.ts';
import { BlobFile, hashFile, openPlainFile } from './blob-file.ts';
import { BlobFolder, digestInTrash, moveInto, seal, syncFolder } from './blob-folder.ts';
import { FilesystemIngest, type HeldFile } from './filesystem-ingest.ts';
import { listDigests, listTrash } from './list-digests.ts';
import { Uploads } from './uploads.ts';

export interface FilesystemBlobStoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Others write to these files too, so a blob is hashed whenever it is opened; DIGEST_INVALID when it is wrong. */
  readonly isForeign?: boolean | undefined;
}

/**
 * Blobs as files, shared by the processes of one machine.
 *
 *     DATA/blobs-v1/sha256/ab/cd/abcd…          a blob, whole and read-only; of 1,000,000, fifteen a folder. Its
 *                                               modification time is that of its commit
 *                   sha512/ab/cd/abcd…
 *                   uploads/ab/ID               an ingest that nobody holds, ID = ab…
 *                              ID.HOLDER        one that a process holds, or held when it was killed
 *                              ID.HOLDER.copy   on its way to another holder; that of a killed one is of no use
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
    this.#uploads = new Uploads(folder);
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

  async stat(digest: Digest): Promise<BlobStatus | undefined> {
    return statusOf(await this.#folder.attempt(() => lstat(this.#folder.pathOf(digest)).catch(nothingIfGone)));
  }

  async open(digest: Digest): Promise<OpenBlob | undefined> {
    return await this.#folder.attempt(async () => {
      const file = await openPlainFile(this.#folder.pathOf(digest));
      if (file === undefined) return undefined;
      const toError = (error: unknown) => toStorageError(error, this.#folder.work);
      const blob = new BlobFile(file, toError, this.#folder.placeOf(digest));
      if (this.#isForeign) await blob.verify(digest);
      return blob;
    });
  }

  list(after?: Digest): AsyncIterable<readonly Digest[]> {
    return this.#folder.attemptEach(listDigests(this.#folder, after));
  }

  async begin(algorithm: DigestAlgorithm = 'sha256'): Promise<Ingest> {
    const held = await this.#folder.attempt(() => this.#uploads.create(algorithm));
    return this.#ingest(held);
  }

  async resume(id: string, algorithm: DigestAlgorithm = 'sha256'): Promise<Ingest> {
    const held = await this.#folder.attempt(() => this.#uploads.take(id, algorithm));
    return this.#ingest(held);
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

  async adopt(digest: Digest, file: string, hashedTo?: Digest): Promise<void> {
    if (hashedTo !== undefined && hashedTo !== digest) throw wrongDigest(hashedTo, digest);
    await this.#folder.attempt(async () => {
      const found = await openPlainFile(file);
      if (found === undefined) throw new Error(`${file}, to be kept as ${digest}, is no plain file`);
      await using blob = new BlobFile(found, (error) => error);
      if (hashedTo === undefined) await blob.verify(digest);
      await seal(found.handle, this.#now());
      try {
        await this.#folder.place(file, digest);
      } catch (error) {
        if (codeOf(error) !== 'EXDEV') throw error;
        await this.#copyIn(digest, blob);
        await rm(file);
      }
    });
  }

  /** A collection deletes by the hundred thousand, and three turns of a thread each would cost ten times the work. */
  async delete(digest: Digest, placedBefore?: Date): Promise<BlobStatus | undefined> {
    const file = this.#folder.pathOf(digest);
    const seconds = this.#now() / 1000;
    return await this.#folder.attempt(async () => {
      const status = statusOf(lstatSync(file, { throwIfNoEntry: false }));
      if (status === undefined || (placedBefore !== undefined && status.placedAt >= placedBefore)) return undefined;
      try {
        lutimesSync(file, seconds, seconds);
        await moveInto(file, this.#folder.trashPathOf(digest));
        return status;
      } catch (error) {
        return nothingIfGone(error);
      }
    });
  }

  async restore(digest: Digest): Promise<boolean> {
    return await this.#folder.attempt(async () => {
      try {
        await this.#folder.place(this.#folder.trashPathOf(digest), digest);
        return true;
      } catch (error) {
        return nothingIfGone(error) ?? false;
      }
    });
  }

  listTrash(): AsyncIterable<readonly Digest[]> {
    return this.#folder.attemptEach(listTrash(this.#folder));
  }

  async emptyTrash(olderThan: Date): Promise<{ readonly blobs: number; readonly sizeBytes: number }> {
    const freed = { blobs: 0, sizeBytes: 0 };
    await this.#folder.attempt(async () => {
      const trash = await opendir(this.#folder.trash).catch(nothingIfGone);
      for await (const { name } of trash ?? []) {
        if (digestInTrash(name) === undefined) continue;
        const file = path.join(this.#folder.trash, name);
        const status = statusOf(lstatSync(file, { throwIfNoEntry: false }));
        if (status === undefined || status.placedAt >= olderThan) continue;
        await unlink(file).catch(nothingIfGone);
        freed.blobs += 1;
        freed.sizeBytes += status.sizeBytes;
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

  #ingest(held: HeldFile): Ingest {
    return new FilesystemIngest(held, { folder: this.#folder, uploads: this.#uploads, now: this.#now });
  }

  async #copyIn(digest: Digest, blob: OpenBlob): Promise<void> {
    await using ingest = await this.begin(algorithmOf(digest));
    for await (const chunk of blob.stream()) await ingest.append(chunk);
    await ingest.commit(digest);
  }
}

function statusOf(file: Stats | undefined): BlobStatus | undefined {
  return file?.isFile() === true ? { sizeBytes: file.size, placedAt: file.mtime } : undefined;
}
