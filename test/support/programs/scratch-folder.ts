import { existsSync, rmSync } from 'node:fs';
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

// What a run that is broken off would leave behind.
const open = new Set<string>();
const REMOVAL = { recursive: true, force: true, maxRetries: 5 } as const;
process.on('exit', () => {
  for (const folder of open) rmSync(folder, REMOVAL);
});

export async function scratchFolder(purpose: string, parent = tmpdir()): Promise<ScratchFolder> {
  const folder = await mkdtemp(path.join(parent, `wharf-${purpose}-`));
  open.add(folder);
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      await rm(folder, REMOVAL);
      open.delete(folder);
    },
  };
}
