import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FileLock } from '../database/file-lock.ts';

interface Scratch {
  readonly folder: string;
  readonly lock: FileLock;
}

const PREFIX = 'wharf-scratch-';
const LOCK_NAME = 'lock';
/** Somebody may look whether it is locked while it is removed. */
const REMOVE = { recursive: true, force: true, maxRetries: 3 };

/**
 * Folders for what is only on its way. Disposing of it removes them all; whoever makes one removes those of processes
 * that were killed.
 *
 *     PARENT/wharf-scratch-Ab12Cd/lock       locked while its owner lives: a process id could be another's by now, or
 *                                            be one in another container
 *                                 files/     the folder
 *     PARENT/new-wharf-scratch-Ab12Cd        not locked yet; has no more than the lock in it, and is not swept
 */
export class ScratchFolders implements AsyncDisposable {
  readonly #parent: string;
  readonly #scratches: Scratch[] = [];

  /** On the data folder's disk, which is the one with room for images, where there is such a folder. */
  constructor(dataFolder: string) {
    this.#parent = existsSync(dataFolder) ? dataFolder : tmpdir();
  }

  /** An empty one. */
  async make(): Promise<string> {
    await sweep(this.#parent);
    const made = await mkdtemp(path.join(this.#parent, `new-${PREFIX}`));
    const lock = FileLock.take(path.join(made, LOCK_NAME));
    if (lock === undefined) throw new Error(`${made} is locked by another process, and nobody knows of it yet`);
    const folder = path.join(this.#parent, path.basename(made).slice('new-'.length));
    this.#scratches.push({ folder, lock });
    await rename(made, folder);
    const files = path.join(folder, 'files');
    await mkdir(files);
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { folder, lock } of this.#scratches) {
      using _released = lock;
      await rm(folder, REMOVE);
    }
  }
}

async function sweep(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => path.join(parent, name))) {
    try {
      if (await isOurs(folder)) await removeUnlocked(folder);
    } catch {
      // Another process may be at it. What else the disk refuses, it refuses to the copy too.
    }
  }
}

/** Among temporary files of all users there may be one that is made to look like this. */
async function isOurs(folder: string): Promise<boolean> {
  const status = await lstat(folder);
  return status.isDirectory() && status.uid === process.getuid?.() && existsSync(path.join(folder, LOCK_NAME));
}

async function removeUnlocked(folder: string): Promise<void> {
  using lock = FileLock.take(path.join(folder, LOCK_NAME));
  if (lock !== undefined) await rm(folder, REMOVE);
}
