import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, algorithmOf, isDigest } from '../../oci/digest.ts';
import { codeOf, toStorageError } from '../storage-error.ts';

export interface BlobFolderOptions {
  /** Holds a folder for each algorithm. */
  readonly blobs: string;
  /** Holds what is no blob yet, or any more; on the same file system. */
  readonly work: string;
  /** How many folders of two digits of the digest lie between its algorithm and its file. */
  readonly fanOut: 0 | 2;
}

const READ_ONLY = 0o444;
const DIGITS = 2;
const TRASH_NAME = /^(sha256|sha512)-([0-9a-f]+)$/;

/** Where everything lies, and how a file gets there for good. Paths are made of digests and checked ids alone. */
export class BlobFolder {
  readonly blobs: string;
  readonly work: string;
  readonly uploads: string;
  readonly trash: string;
  readonly fanOut: number;
  readonly #quarantine: string;
  /** Folders that would survive a power cut themselves; at most 65,536 an algorithm. */
  readonly #lasting = new Set<string>();

  constructor({ blobs, work, fanOut }: BlobFolderOptions) {
    this.blobs = blobs;
    this.work = work;
    this.fanOut = fanOut;
    this.uploads = path.join(work, 'uploads');
    this.trash = path.join(work, 'trash');
    this.#quarantine = path.join(work, 'quarantine');
  }

  pathOf(digest: Digest): string {
    return path.join(this.blobs, this.placeOf(digest));
  }

  /** Below the folder of all blobs, with slashes. */
  placeOf(digest: Digest): string {
    return [...this.#parents(digest), hexOf(digest)].join('/');
  }

  trashPathOf(digest: Digest): string {
    return path.join(this.trash, nameOf(digest));
  }

  newQuarantinePathOf(digest: Digest): string {
    return path.join(this.#quarantine, `${nameOf(digest)}.${randomUUID()}`);
  }

  /** Moves a whole, flushed file under its digest. Resolves when that would survive a power cut. */
  async place(file: string, digest: Digest): Promise<void> {
    const isFolderNew = await moveInto(file, this.pathOf(digest));
    const parents = this.#parents(digest);
    const key = parents.join('/');
    const firstChanged = this.#lasting.has(key) && !isFolderNew ? parents.length : 0;
    const folders = parents.map((_, index) => path.join(this.blobs, ...parents.slice(0, index + 1)));
    await Promise.all([this.blobs, ...folders].slice(firstChanged).map(syncFolder));
    this.#lasting.add(key);
  }

  /** Runs work on these files, and says what a person has to do when the disk refuses it. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(error, this.work);
    }
  }

  /** The same for work that yields. */
  async *attemptEach<T>(work: AsyncIterable<T>): AsyncGenerator<T, undefined> {
    try {
      yield* work;
    } catch (error) {
      throw toStorageError(error, this.work);
    }
  }

  #parents(digest: Digest): readonly string[] {
    const hex = hexOf(digest);
    const levels = Array.from({ length: this.fanOut }, (_, level) => hex.slice(level * DIGITS, (level + 1) * DIGITS));
    return [algorithmOf(digest), ...levels];
  }
}

/** What a name in the trash stands for; `undefined` for what nobody here put there. */
export function digestInTrash(name: string): Digest | undefined {
  const text = name.replace(TRASH_NAME, '$1:$2');
  return isDigest(text) ? text : undefined;
}

/** Renames, and says whether it had to make the folder first. Throws ENOENT when there is no such file. */
export async function moveInto(file: string, target: string): Promise<boolean> {
  try {
    await rename(file, target);
    return false;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(path.dirname(target), { recursive: true });
    await rename(file, target);
    return true;
  }
}

/** Makes a whole file one that is read only and as old as now, and flushes it. */
export async function seal(file: FileHandle, nowMs: number): Promise<void> {
  await file.chmod(READ_ONLY);
  await file.utimes(nowMs / 1000, nowMs / 1000);
  await file.sync();
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

function hexOf(digest: Digest): string {
  return digest.slice(algorithmOf(digest).length + 1);
}

function nameOf(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}`;
}
