// Puts what a client is to be told into its files: first what would change, then the change.
import { constants, existsSync } from 'node:fs';
import { access, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../async/clock.ts';
import { digestOf } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { clientFileError, codeOf } from './client-file-error.ts';
import { type FoundFile, createClientFile, readClientFile, replaceClientFile } from './client-file.ts';
import { clientFilePlace } from './client-file-place.ts';
import { type WriteRecord, type WrittenFile, saveRecord, stampOf } from './client-write-record.ts';

/** A file, and how what is in it becomes what is to be in it. */
export interface ClientFileEdit {
  /** As the client knows it: absolute. */
  readonly path: string;
  /** Throws UsageError for what it does not understand. */
  readonly edit: (before: string | undefined) => string;
}

export interface ClientFileChange {
  readonly path: string;
  /** Where that is on this machine. */
  readonly place: string;
  readonly before: FoundFile | undefined;
  readonly after: string;
}

export interface ClientFileWritten {
  readonly place: string;
  /** Where what was there before is kept. */
  readonly backup?: string | undefined;
}

export interface WriteClientFilesOptions {
  readonly client: string;
  /** Where its record goes: as the client knows it. */
  readonly folder: string;
  readonly root: string;
  readonly clock: Clock;
}

/** Writes nothing. Files that are as they should be are left out; all others can be written, as far as one can tell. */
export async function planClientFiles(
  edits: readonly ClientFileEdit[],
  root: string,
): Promise<readonly ClientFileChange[]> {
  const changes: ClientFileChange[] = [];
  for (const { path: file, edit } of edits) {
    const place = await clientFilePlace(file, root);
    const before = await readClientFile(place);
    const after = edit(before?.text);
    if (after === before?.text) continue;
    await checkIsWritable(place);
    changes.push({ path: file, place, before, after });
  }
  return changes;
}

/** Broken off at any point, each file is as before or as after, and can be undone. */
export async function writeClientFiles(
  changes: readonly ClientFileChange[],
  { client, folder, root, clock }: WriteClientFilesOptions,
): Promise<readonly ClientFileWritten[]> {
  const stamp = stampOf(clock.now());
  for (const { place, before } of changes) await checkIsUnchanged(place, before);
  const written: ClientFileWritten[] = [];
  try {
    for (const { place, before } of changes) {
      const backup = before && `${place}.wharf-backup-${stamp}`;
      if (before !== undefined && backup !== undefined) await createClientFile(backup, before.text, before.stats);
      written.push({ place, backup });
    }
    const records = await clientFilePlace(folder, root);
    const record = recordOf(client, changes, written);
    await makeFolder(records);
    await saveRecord(records, stamp, record);
  } catch (error) {
    for (const { backup } of written) if (backup !== undefined) await rm(backup, { force: true });
    throw error;
  }
  for (const { place, before, after } of changes) await replaceClientFile(place, after, before?.stats);
  return written;
}

function recordOf(
  client: string,
  changes: readonly ClientFileChange[],
  written: readonly ClientFileWritten[],
): WriteRecord {
  const files = changes.map(({ path: file, place, after }, index): WrittenFile => {
    const backup = written[index]?.backup;
    return {
      path: file,
      wrote: digestOf(after),
      ...(backup !== undefined && { backup: path.basename(backup) }),
      ...(!existsSync(path.dirname(place)) && { madeFolder: true }),
    };
  });
  return { client, files };
}

/** A person may think for long before saying yes. */
async function checkIsUnchanged(place: string, before: FoundFile | undefined): Promise<void> {
  if ((await readClientFile(place))?.text === before?.text) return;
  throw new UsageError(`${place} was changed by somebody else meanwhile; nothing was written, so look again`);
}

/** The folder has to take a new file, which takes the place of the old one. */
async function checkIsWritable(place: string): Promise<void> {
  for (let folder = path.dirname(place); ; folder = path.dirname(folder)) {
    try {
      return await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      // It will be made.
      if (codeOf(error) !== 'ENOENT') throw clientFileError(error, place, 'written');
    }
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw clientFileError(error, folder, 'written');
  }
}
