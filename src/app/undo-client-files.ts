// Takes back the last write to a client's files: puts back what was there, and removes what we made.
import { rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../async/clock.ts';
import { digestOf } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { clientFileError } from './client-file-error.ts';
import { type FoundFile, createClientFile, readClientFile, replaceClientFile } from './client-file.ts';
import { clientFilePlace } from './client-file-place.ts';
import { type FoundRecord, type WrittenFile, newestRecord, removeRecord, stampOf } from './client-write-record.ts';

interface UndoneFile {
  readonly place: string;
  readonly now: FoundFile | undefined;
  /** What was there before we wrote; `undefined` when there was nothing. */
  readonly before: FoundFile | undefined;
  /** Where that is kept. */
  readonly backup: string | undefined;
  /** Its folder was made for it. */
  readonly hadNoFolder: boolean;
  /** It is neither what we wrote nor what was there before. */
  readonly isForeign: boolean;
}

export interface Undo {
  readonly record: FoundRecord;
  readonly files: readonly UndoneFile[];
}

export interface ApplyUndoOptions {
  /** What somebody changed since we wrote it is set aside as well; otherwise nothing is undone. */
  readonly isForced: boolean;
  readonly clock: Clock;
}

/** Changes nothing. `undefined` when no write is left to undo. */
export async function planUndo(client: string, folder: string, root: string): Promise<Undo | undefined> {
  const record = await newestRecord(await clientFilePlace(folder, root), client);
  if (record === undefined) return undefined;
  const files: UndoneFile[] = [];
  for (const file of record.files) files.push(await planFile(file, root));
  return { record, files };
}

/** Broken off at any point, it can be done again. Gives where what was changed since is kept. */
export async function applyUndo(
  { record, files }: Undo,
  { isForced, clock }: ApplyUndoOptions,
): Promise<readonly string[]> {
  const foreign = files.filter(({ isForeign }) => isForeign).map(({ place }) => place);
  if (foreign.length > 0 && !isForced) {
    const which = foreign.length === 1 ? 'was changed since Wharf wrote it' : 'were changed since Wharf wrote them';
    throw new UsageError(`${foreign.join(', ')} ${which}; look at the difference, and undo it all the same with --yes`);
  }
  const kept: string[] = [];
  for (const { place, now, before, isForeign } of files) {
    if (isForeign && now !== undefined) {
      const copy = `${place}.wharf-backup-${stampOf(clock.now())}`;
      await createClientFile(copy, now.text, now.stats);
      kept.push(copy);
    }
    if (before !== undefined) await replaceClientFile(place, before.text, before.stats);
    else await remove(place);
  }
  await removeRecord(record);
  for (const { place, backup, hadNoFolder } of files) {
    if (backup !== undefined) await rm(backup, { force: true });
    // A folder with anything in it stays.
    if (hadNoFolder) await rmdir(path.dirname(place)).catch(() => undefined);
  }
  return kept;
}

async function planFile(
  { path: file, wrote, backup: name, madeFolder }: WrittenFile,
  root: string,
): Promise<UndoneFile> {
  const place = await clientFilePlace(file, root);
  const backup = name && path.join(path.dirname(place), name);
  const now = await readClientFile(place);
  const before = backup === undefined ? undefined : await readClientFile(backup);
  if (backup !== undefined && before === undefined) {
    throw new UsageError(`${backup}, which has what was in ${file} before, is gone; ${file} is left as it is`);
  }
  const isOurs = now !== undefined && digestOf(now.text) === wrote;
  return {
    place,
    now,
    before,
    backup,
    hadNoFolder: madeFolder === true,
    isForeign: !isOurs && now?.text !== before?.text,
  };
}

async function remove(place: string): Promise<void> {
  try {
    await rm(place, { force: true });
  } catch (error) {
    throw clientFileError(error, place, 'written');
  }
}
