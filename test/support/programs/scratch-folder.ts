import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SHARED_MEMORY = '/dev/shm';

/** Where files that are written in bulk go: memory where the system has such a folder, else a disk. */
export const bulkStorage = existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir();

/** An empty folder; disposing it removes it with all that is in it by then. */
export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
}

export async function scratchFolder(purpose: string, parent = tmpdir()): Promise<ScratchFolder> {
  const folder = await mkdtemp(path.join(parent, `wharf-${purpose}-`));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
