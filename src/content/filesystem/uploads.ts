// Two processes never write to one file: whoever lets an ingest go gives its file the plain name, and whoever takes it
// gives it a name of his own, which one of several can do. The file of a holder that did not let go, being dead or
// slow, is copied: he may still write to the one he has, also after a commit.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, copyFile, lstat, mkdir, open, opendir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DigestHasher } from '../../oci/digest.ts';
import { type DigestAlgorithm, type IngestStatus, isIngestId, unknownIngest } from '../ingest.ts';
import { codeOf, nothingIfGone } from '../storage-error.ts';
import { hashFile } from './blob-file.ts';
import type { HeldFile } from './filesystem-ingest.ts';

interface UploadFile extends IngestStatus {
  readonly path: string;
}

const ONLY_OURS = 0o600;
const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;
const FOUND = constants.O_RDWR | constants.O_NOFOLLOW;

export class Uploads {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async create(algorithm: DigestAlgorithm): Promise<HeldFile> {
    const id = randomUUID();
    const path = this.#newHeldPath(id);
    const create = () => open(path, NEW, ONLY_OURS);
    const handle = await create().catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      await mkdir(this.#folder, { recursive: true });
      return await create();
    });
    return { id, path, handle, sizeBytes: 0, hasher: new DigestHasher(algorithm), algorithm };
  }

  /** Throws BLOB_UPLOAD_UNKNOWN. */
  async take(id: string, algorithm: DigestAlgorithm): Promise<HeldFile> {
    if (!isIngestId(id)) throw unknownIngest(id);
    const path = this.#newHeldPath(id);
    try {
      const isFree = await isRenamed(this.#freePath(id), path);
      if (!isFree) await this.#copyFromHolder(id, path);
      return await openHeld(id, path, algorithm);
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? unknownIngest(id) : error;
    }
  }

  /** Leaves a file to whoever resumes it. Nothing happens when another has taken it. */
  async release({ id, path }: Pick<HeldFile, 'id' | 'path'>): Promise<void> {
    await isRenamed(path, this.#freePath(id));
  }

  async stat(id: string): Promise<IngestStatus | undefined> {
    const file = isIngestId(id) ? await this.#find(id) : undefined;
    return file && statusOf(file);
  }

  async *list(): AsyncGenerator<IngestStatus, undefined> {
    for await (const file of this.#files()) yield statusOf(file);
  }

  async remove(id: string): Promise<void> {
    if (!isIngestId(id)) return;
    for await (const file of this.#files(id)) await rm(file.path, { force: true });
  }

  /** Nothing is removed before there is a whole copy of it, so of several that do this at once one has it. */
  async #copyFromHolder(id: string, target: string): Promise<void> {
    const file = await this.#find(id);
    if (file === undefined) throw unknownIngest(id);
    try {
      await copyFile(file.path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      await rm(target, { force: true });
      throw error;
    }
    await rm(file.path, { force: true });
  }

  /** The longest: a shorter one is a copy that was not finished. */
  async #find(id: string): Promise<UploadFile | undefined> {
    const free = await this.#look(id, id);
    if (free !== undefined) return free;
    let longest: UploadFile | undefined;
    for await (const file of this.#files(id)) {
      if (longest === undefined || file.sizeBytes > longest.sizeBytes) longest = file;
    }
    return longest;
  }

  async *#files(wanted?: string): AsyncGenerator<UploadFile, undefined> {
    const folder = await opendir(this.#folder).catch(nothingIfGone);
    for await (const { name } of folder ?? []) {
      const [id = '', holder = id, ...more] = name.split('.');
      const isOurs = isIngestId(id) && isIngestId(holder) && more.length === 0;
      const file = isOurs && (wanted ?? id) === id ? await this.#look(id, name) : undefined;
      if (file !== undefined) yield file;
    }
  }

  async #look(id: string, name: string): Promise<UploadFile | undefined> {
    const file = path.join(this.#folder, name);
    const status = await lstat(file).catch(nothingIfGone);
    if (status?.isFile() !== true) return undefined;
    return { id, path: file, sizeBytes: status.size, changedAt: status.mtime };
  }

  #freePath(id: string): string {
    return path.join(this.#folder, id);
  }

  #newHeldPath(id: string): string {
    return path.join(this.#folder, `${id}.${randomUUID()}`);
  }
}

async function openHeld(id: string, path: string, algorithm: DigestAlgorithm): Promise<HeldFile> {
  const handle: FileHandle = await open(path, FOUND);
  try {
    const { size: sizeBytes } = await handle.stat();
    return { id, path, handle, sizeBytes, hasher: await hashFile(handle, sizeBytes, algorithm), algorithm };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function statusOf({ id, sizeBytes, changedAt }: UploadFile): IngestStatus {
  return { id, sizeBytes, changedAt };
}

async function isRenamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    return nothingIfGone(error) ?? false;
  }
}
