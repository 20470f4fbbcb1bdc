import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode } from './system-error.ts';

/** Longer than anything that is done with a copy takes. */
const STRAY_AGE_MS = 3_600_000;

/**
 * Removes what killed processes left behind: copies they had not finished, and git's lock files, which would make every
 * later fetch fail.
 */
export async function removeStrays(directory: string, now: Date): Promise<void> {
  const unfinished = `${basename(directory)}.new-`;
  const strays = [
    ...(await pathsIn(dirname(directory))).filter((path) => basename(path).startsWith(unfinished)),
    ...(await pathsIn(directory)).filter(isLock),
    ...(await pathsIn(join(directory, 'refs'), { recursive: true })).filter(isLock),
  ];
  for (const path of strays) {
    if (await isOld(path, now)) await rm(path, { recursive: true, force: true });
  }
}

function isLock(path: string): boolean {
  return path.endsWith('.lock');
}

async function pathsIn(directory: string, options: { recursive?: boolean } = {}): Promise<string[]> {
  const names = await readdir(directory, options).catch(nothingIfGone);
  return (names ?? []).map((name) => join(directory, name));
}

async function isOld(path: string, now: Date): Promise<boolean> {
  const status = await stat(path).catch(nothingIfGone);
  return status !== undefined && now.getTime() - status.mtimeMs > STRAY_AGE_MS;
}

// Other processes work in the same place.
function nothingIfGone(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
}
