// A client's file on the disk: read whole, and replaced at once or not at all.
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../oci/usage-error.ts';
import { clientFileError, codeOf } from './client-file-error.ts';

export interface FoundFile {
  readonly text: string;
  /** Its mode and its owner are kept. */
  readonly stats: Stats;
}

/** Far more than any configuration has. */
const MAX_BYTES = 4 * 1024 * 1024;
const MODE_OF_NEW = 0o644;
const MODE_BITS = 0o7777;

/** `undefined` when there is none. Throws UsageError for what is not a text file. */
export async function readClientFile(file: string): Promise<FoundFile | undefined> {
  try {
    const stats = await stat(file);
    if (!stats.isFile()) throw new UsageError(`${file} is not a file; it is left alone`);
    if (stats.size > MAX_BYTES) throw new UsageError(`${file} is larger than any configuration; it is left alone`);
    return { text: textOf(await readFile(file), file), stats };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw clientFileError(error, file, 'read');
  }
}

/** `like` is whose mode and owner it gets. */
export async function replaceClientFile(file: string, text: string, like?: Stats): Promise<void> {
  const folder = path.dirname(file);
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(folder, { recursive: true });
    await create(temporary, text, like);
    await rename(temporary, file);
    await flushFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw clientFileError(error, file, 'written');
  }
}

/** Writes a file that is not there yet. */
export async function createClientFile(file: string, text: string, like?: Stats): Promise<void> {
  try {
    await create(file, text, like);
    await flushFolder(path.dirname(file));
  } catch (error) {
    throw clientFileError(error, file, 'written');
  }
}

async function create(file: string, text: string, like: Stats | undefined): Promise<void> {
  // What may be a secret is at no time readable by more than it was.
  await using handle = await open(file, 'wx', like === undefined ? MODE_OF_NEW : 0o600);
  await handle.writeFile(text);
  if (like !== undefined) await makeAlike(handle, like);
  await handle.sync();
}

async function makeAlike(handle: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await handle.stat();
  if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid);
  await handle.chmod(mode & MODE_BITS);
}

/** A rename is on the disk once its folder is. */
async function flushFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

function textOf(bytes: Uint8Array, file: string): string {
  try {
    // A byte order mark is part of the text: what is put back is to be what was there.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${file} is no UTF-8 text; it is left alone`, { cause });
  }
}
