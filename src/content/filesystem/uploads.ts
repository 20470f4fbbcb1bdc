// Two processes never write to one file: whoever lets an ingest go gives its file the plain name, and whoever takes it
// gives it a name of his own, which one of several can do. The file of a holder that did not let go, being dead or
// slow, is copied: he may still write to the one he has, also after a commit.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, chmod, copyFile, lstat, mkdir, open, opendir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DigestHasher } from '../../oci/digest.ts';
import { type DigestAlgorithm, type IngestStatus, isIngestId, unknownIngest } from '../ingest.ts';
import { codeOf, nothingIfGone } from '../storage-error.ts';
import { hashFile } from './blob-file.ts';
import type { BlobFolder } from './blob-folder.ts';
import type { HeldFile } from './filesystem-ingest.ts';

interface UploadFile extends IngestStatus {
  readonly path: string;
}

/** A file that is given or taken while it is looked for may be missed; hardly ever twice in a row. */
const MAX_LOOKS = 3;
const ONLY_OURS = 0o600;
const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;
const FOUND = constants.O_RDWR | constants.O_NOFOLLOW;
const NEW_COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
const BRANCH_NAME = /^[0-9a-f]{2}$/;
const COPY_SUFFIX = 'copy';

export class Uploads {
  readonly #folder: string;
  /** A layout that somebody else made has few of them, and what it has for folders in there could be links. */
  readonly #isFlat: boolean;

  constructor({ uploads, fanOut }: Pick<BlobFolder, 'uploads' | 'fanOut'>) {
    this.#folder = uploads;
    this.#isFlat = fanOut === 0;
  }

  async create(algorithm: DigestAlgorithm): Promise<HeldFile> {
    const id = randomUUID();
    const path = this.#newHeldPath(id);
    const create = () => open(path, NEW, ONLY_OURS);
    const handle = await create().catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      await mkdir(this.#folderOf(id), { recursive: true });
      return await create();
    });
    return { id, path, handle, sizeBytes: 0, hasher: new DigestHasher(algorithm), algorithm };
  }

  /** Throws BLOB_UPLOAD_UNKNOWN, also when others take it again and again. */
  async take(id: string, algorithm: DigestAlgorithm): Promise<HeldFile> {
    for (let look = 1; isIngestId(id) && look <= MAX_LOOKS; look += 1) {
      const held = await this.#tryTake(id, algorithm);
      if (held !== undefined) return held;
    }
    throw unknownIngest(id);
  }

  /** Leaves a file to whoever resumes it. Nothing happens when another has taken it. */
  async release({ id, path }: Pick<HeldFile, 'id' | 'path'>): Promise<void> {
    await isRenamed(path, this.#freePath(id));
  }

  async stat(id: string): Promise<IngestStatus | undefined> {
    for (let look = 1; isIngestId(id) && look <= MAX_LOOKS; look += 1) {
      const file = await this.#find(id);
      if (file !== undefined) return statusOf(file);
    }
    return undefined;
  }

  /** Copies that were not finished, too. */
  async *list(): AsyncGenerator<IngestStatus, undefined> {
    for (const folder of await this.#folders()) {
      for await (const file of filesIn(folder)) yield statusOf(file);
    }
  }

  async remove(id: string): Promise<void> {
    if (!isIngestId(id)) return;
    for await (const file of filesIn(this.#folderOf(id), id)) await rm(file.path, { force: true });
  }

  async #tryTake(id: string, algorithm: DigestAlgorithm): Promise<HeldFile | undefined> {
    const path = this.#newHeldPath(id);
    try {
      const isTaken = (await isRenamed(this.#freePath(id), path)) || (await this.#isTakenFromHolder(id, path));
      return isTaken ? await openHeld(id, path, algorithm) : undefined;
    } catch (error) {
      return nothingIfGone(error);
    }
  }

  /**
   * The file that was copied is given the new name, which one of several can do and its holder notices; then the copy
   * takes its place. So there is one whole file of the ingest at any time, whoever is killed. Throws ENOENT when the
   * holder let go meanwhile, or another was faster.
   */
  async #isTakenFromHolder(id: string, target: string): Promise<boolean> {
    const file = await this.#find(id);
    if (file === undefined) return false;
    const copy = copyOf(target);
    try {
      await copyFile(file.path, copy, NEW_COPY);
      // Its holder may have been about to commit it, and made it read-only.
      await chmod(copy, ONLY_OURS);
      // Who took it a moment ago may be between these lines himself: without his copy he has lost it.
      await rm(copyOf(file.path), { force: true });
      await rename(file.path, target);
      await rename(copy, target);
      return true;
    } catch (error) {
      await rm(copy, { force: true });
      throw error;
    }
  }

  async #find(id: string): Promise<UploadFile | undefined> {
    const free = await statFile(id, this.#freePath(id));
    if (free !== undefined) return free;
    for await (const file of filesIn(this.#folderOf(id), id)) {
      if (!file.path.endsWith(`.${COPY_SUFFIX}`)) return file;
    }
    return undefined;
  }

  #freePath(id: string): string {
    return path.join(this.#folderOf(id), id);
  }

  #newHeldPath(id: string): string {
    return path.join(this.#folderOf(id), `${id}.${randomUUID()}`);
  }

  #folderOf(id: string): string {
    return this.#isFlat ? this.#folder : path.join(this.#folder, id.slice(0, 2));
  }

  async #folders(): Promise<readonly string[]> {
    if (this.#isFlat) return [this.#folder];
    const entries = (await readdir(this.#folder, { withFileTypes: true }).catch(nothingIfGone)) ?? [];
    const branches = entries.filter((entry) => entry.isDirectory() && BRANCH_NAME.test(entry.name));
    return branches.map(({ name }) => path.join(this.#folder, name));
  }
}

function copyOf(heldPath: string): string {
  return `${heldPath}.${COPY_SUFFIX}`;
}

/** All files of uploads, or those of one. */
async function* filesIn(folder: string, wanted?: string): AsyncGenerator<UploadFile, undefined> {
  const entries = await opendir(folder).catch(nothingIfGone);
  for await (const { name } of entries ?? []) {
    const [id = '', holder = id, suffix = COPY_SUFFIX, ...more] = name.split('.');
    const isOurs = isIngestId(id) && isIngestId(holder) && suffix === COPY_SUFFIX && more.length === 0;
    const file = isOurs && (wanted ?? id) === id ? await statFile(id, path.join(folder, name)) : undefined;
    if (file !== undefined) yield file;
  }
}

async function statFile(id: string, file: string): Promise<UploadFile | undefined> {
  const status = await lstat(file).catch(nothingIfGone);
  if (status?.isFile() !== true) return undefined;
  return { id, path: file, sizeBytes: status.size, changedAt: status.mtime };
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
