import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FilesystemBlobStore } from '../../../src/content/filesystem/filesystem-blob-store.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import type { BlobStoreWorld } from '../../contract/blob-store.ts';
import { FakeClock } from '../fake-clock.ts';
import { scratchFolder } from '../programs/scratch-folder.ts';

export interface BlobFolderWorld extends BlobStoreWorld {
  readonly dataFolder: string;
  open(): Promise<FilesystemBlobStore>;
  /** Where a blob's file is. */
  fileOf(digest: Digest): string;
}

/** A data folder with blobs. */
export async function blobFolderWorld(parent?: string): Promise<BlobFolderWorld> {
  const folder = await scratchFolder('blobs', parent);
  // The system dates a file that grows, whatever our clock says.
  const clock = new FakeClock(Date.now());
  const fileOf = (digest: Digest) => {
    const [algorithm = '', hex = ''] = digest.split(':');
    return path.join(folder.path, 'blobs-v1', algorithm, hex.slice(0, 2), hex.slice(2, 4), hex);
  };
  return {
    dataFolder: folder.path,
    clock,
    fileOf,
    open: () => FilesystemBlobStore.open(folder.path, { now: () => clock.now() }),
    damage: (digest) => flipByte(fileOf(digest)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Changes the first byte of a file that is not empty. */
export async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await chmod(file, 0o644);
  await writeFile(file, bytes);
}
