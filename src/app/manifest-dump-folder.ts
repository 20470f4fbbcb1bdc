import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openPlainFile } from '../content/filesystem/blob-file.ts';
import { codeOf, nothingIfGone, toStorageError } from '../content/storage-error.ts';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';

const WORK_FOLDER = '.wharf-v1';
const STRAY_AGE_MS = 3_600_000;
/** Of manifests at most 4 MiB are read anywhere; configs may be larger. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Files that are there whole or not at all, under names with folders in them.
 *
 *     OUT/NAME
 *         .wharf-v1/ID       one in the making; gone when the work is over, or after an hour
 */
export class DumpFolder {
  readonly #folder: string;
  readonly #work: string;
  readonly #made = new Set<string>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#work = path.join(folder, WORK_FOLDER);
  }

  /** Makes the folder where it is missing. `nowMs`: since the epoch. Throws UsageError when it cannot be used. */
  static async open(folder: string, nowMs: number): Promise<DumpFolder> {
    const opened = new DumpFolder(folder);
    await opened.#attempt(async () => {
      await mkdir(opened.#work, { recursive: true });
      for (const name of await readdir(opened.#work)) {
        const stray = path.join(opened.#work, name);
        const status = await stat(stray).catch(nothingIfGone);
        if (status !== undefined && nowMs - status.mtimeMs > STRAY_AGE_MS) await rm(stray, { force: true });
      }
    });
    return opened;
  }

  /** What hashes to the digest under that name; `undefined` when there is nothing, or something else. */
  async find(name: string, digest: Digest): Promise<Uint8Array | undefined> {
    const bytes = await this.read(name, MAX_FILE_BYTES);
    return bytes !== undefined && digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined;
  }

  /** `undefined` also for what is larger. */
  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return await this.#attempt(async () => {
      const found = await openPlainFile(path.join(this.#folder, name));
      if (found === undefined) return undefined;
      await using handle = found.handle;
      return found.sizeBytes > maxBytes ? undefined : await handle.readFile();
    });
  }

  /** Replaces what is there at once, or, when it throws, not at all. It is not flushed: what is lost is fetched again. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    const file = path.join(this.#folder, name);
    const temporary = path.join(this.#work, randomUUID());
    await this.#attempt(async () => {
      const parent = path.dirname(file);
      if (!this.#made.has(parent)) await mkdir(parent, { recursive: true });
      this.#made.add(parent);
      try {
        await writeFile(temporary, bytes, { flag: 'wx' });
        await rename(temporary, file);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  /** Every file below it, with `/` between its folders; links are not followed. */
  async *names(below = ''): AsyncGenerator<string> {
    const entries = await this.#attempt(() => readdir(path.join(this.#folder, below), { withFileTypes: true }));
    for (const entry of entries) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && name !== WORK_FOLDER) yield* this.names(name);
      else if (entry.isFile()) yield name;
    }
  }

  /** With the folders that are empty then. */
  async remove(name: string): Promise<void> {
    await this.#attempt(() => rm(path.join(this.#folder, name), { force: true }));
    for (let parent = path.dirname(name); parent !== '.'; parent = path.dirname(parent)) {
      if (!(await removeIfEmpty(path.join(this.#folder, parent)))) return;
    }
  }

  /** Nothing is left beside the files; what another process has in the making stays. */
  async close(): Promise<void> {
    await removeIfEmpty(this.#work);
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(error, this.#folder);
    }
  }
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}
