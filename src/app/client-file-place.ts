import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../oci/usage-error.ts';
import { clientFileError, codeOf } from './client-file-error.ts';

/**
 * Where a client's file is on this machine: below `root`, and at the end of symbolic links. The file need not exist.
 * Throws UsageError for one that links would put outside of the root: those of an image are not this machine's.
 */
export async function clientFilePlace(file: string, root: string): Promise<string> {
  try {
    const place = await realPlace(path.join(root, file));
    const base = await realpath(root);
    if (base === path.sep || place.startsWith(base + path.sep)) return place;
    throw new UsageError(`${file} is ${place} by its symbolic links, which is outside of ${root}; it is left alone`);
  } catch (error) {
    throw clientFileError(error, file, 'found');
  }
}

async function realPlace(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    if (await isLink(file)) {
      throw new UsageError(`${file} is a symbolic link to what does not exist; remove it, or make its target`);
    }
    const folder = path.dirname(file);
    // The root of everything is there.
    if (folder === file) throw error;
    return path.join(await realPlace(folder), path.basename(file));
  }
}

async function isLink(file: string): Promise<boolean> {
  try {
    return (await lstat(file)).isSymbolicLink();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
