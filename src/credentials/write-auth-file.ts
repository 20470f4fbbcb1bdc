import { randomUUID } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../oci/usage-error.ts';
import type { AuthFile } from './auth-file.ts';

/**
 * Replaces the file at once, indented as docker does, for its owner's eyes only. Through a symbolic link it is the
 * link's target that is replaced. Throws UsageError that names the file.
 */
export async function writeAuthFile(file: string, content: AuthFile): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await replace(await targetOf(file), JSON.stringify(content, null, '\t'));
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    throw new UsageError(`${file}, where logins are kept, cannot be written (${code})`, { cause: error });
  }
}

async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw error;
  }
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await using handle = await open(temporary, 'wx', 0o600);
    await handle.writeFile(text);
    await handle.sync();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
