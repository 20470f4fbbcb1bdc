import type { BigIntStats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '../oci/usage-error.ts';
import { type AuthFile, parseAuthFile } from './auth-file.ts';

const MAX_FILE_BYTES = 1024 * 1024;

/** Changes when the file does. `undefined`: there is no such file. Throws UsageError when that cannot be told. */
export async function versionOf(file: string): Promise<string | undefined> {
  const stats = await statOf(file);
  // A device such as /dev/null has no logins.
  if (stats === undefined || !(stats.isFile() || stats.isDirectory())) return undefined;
  if (stats.size > MAX_FILE_BYTES) throw cannotBeRead(file, 'it is larger than 1 MiB');
  return `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}

async function statOf(file: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(file, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw cannotBeRead(file, code);
  }
}

/** Throws UsageError that names the file when it cannot be read or understood. */
export async function readAuthFile(file: string): Promise<AuthFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw cannotBeRead(file, (error as NodeJS.ErrnoException).code);
  }
  return parseAuthFile(text, file);
}

function cannotBeRead(file: string, code = 'unknown reason'): UsageError {
  return new UsageError(`${file}, where logins are kept, cannot be read (${code})`);
}
