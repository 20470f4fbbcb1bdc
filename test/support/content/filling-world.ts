import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Fills } from '../../../src/content/filling/fills.ts';
import type { Fill } from '../../../src/content/filling/fill.ts';
import type { SharedFill } from '../../../src/content/filling/shared-fill.ts';
import type { BlobStore } from '../../../src/content/blob-store.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import type { FakeClock } from '../fake-clock.ts';
import { blobFolderWorld } from './blob-folder-world.ts';

/** A data folder into which blobs are filled. */
export interface FillingWorld extends AsyncDisposable {
  readonly content: BlobStore;
  readonly clock: FakeClock;
  readonly folder: string;
  /** What was told of blobs that are not kept. */
  readonly notKept: unknown[];
  /** As another process has them. Disposed with the world. */
  openFills(content?: BlobStore): Fills;
  partOf(digest: Digest): string;
  /** The names of what lies in the folder, but for the one file that stays. */
  names(): Promise<readonly string[]>;
}

export async function fillingWorld(): Promise<FillingWorld> {
  const blobs = await blobFolderWorld();
  const { dataFolder, clock } = blobs;
  const content = await blobs.open();
  const folder = path.join(dataFolder, 'filling-v1');
  const notKept: unknown[] = [];
  const opened: Fills[] = [];
  return {
    content,
    clock,
    folder,
    notKept,
    openFills: (kept = content) => {
      const fills = new Fills({
        dataFolder,
        content: kept,
        clock,
        onNotKept: (_digest, error) => void notKept.push(error),
      });
      opened.push(fills);
      return fills;
    },
    partOf: (digest) => path.join(folder, `${digest.replace(':', '-')}.part`),
    names: async () => (await readdir(folder)).filter((name) => name !== 'locks.guard').toSorted(),
    async [Symbol.asyncDispose]() {
      for (const fills of opened) await fills[Symbol.asyncDispose]();
      await blobs[Symbol.asyncDispose]();
    },
  };
}

/** Why a fill of this process is not kept, when it is over; `undefined` when it is. */
export async function overOf(fill: SharedFill | undefined): Promise<unknown> {
  return await (fill as Fill).over;
}
