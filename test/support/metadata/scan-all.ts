import type { Scan, ScanPage } from '../../../src/metadata/housekeeping.ts';

/** All that a scan finds, by pages of two. */
export async function scanAll<T>(scan: (page: ScanPage) => Promise<Scan<T>>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { found, next } = await scan({ after, limit: 2 });
    all.push(...found);
    after = next;
  } while (after !== undefined);
  return all;
}
