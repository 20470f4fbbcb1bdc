import { readdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { StoreFigures } from './metrics.ts';
import type { Store } from './open-store.ts';

export function storeFigures(dataFolder: string, { content }: Pick<Store, 'content'>): StoreFigures {
  const databaseFolder = path.join(dataFolder, 'metadata-v1');
  return {
    async disk() {
      const { bsize, blocks, bavail } = await statfs(dataFolder);
      return { sizeBytes: bsize * blocks, freeBytes: bsize * bavail };
    },
    async databaseBytes() {
      const names = await readdir(databaseFolder);
      const files = await Promise.all(names.map((name) => stat(path.join(databaseFolder, name))));
      return files.reduce((sum, { size }) => sum + size, 0);
    },
    async openUploads() {
      let count = 0;
      for await (const _ of content.listIngests()) count += 1;
      return count;
    },
  };
}
