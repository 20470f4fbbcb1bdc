// What a write of ours did, beside what it wrote, so that it can be undone:
//
//   /etc/docker/daemon.json                                      the client's file
//   /etc/docker/daemon.json.wharf-backup-20261123T101500000Z     what was there before, if anything was
//   /etc/docker/wharf-write-20261123T101500000Z.json             the record of the write
//
// Each write has its own record, so undoing twice undoes the last two.
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UsageError } from '../oci/usage-error.ts';
import { createClientFile, readClientFile } from './client-file.ts';
import { clientFileError, codeOf } from './client-file-error.ts';

const writtenFileSchema = z.strictObject({
  /** As the client knows it, without the root. */
  path: z.string().startsWith('/').max(4096),
  /** The digest of what we wrote. */
  wrote: z.string().startsWith('sha256:').max(128),
  /** The name of what was there before, in the same folder. Absent: there was nothing. */
  backup: z
    .string()
    .regex(/^[^/\0]+\.wharf-backup-[0-9TZ]+$/)
    .optional(),
  /** Its folder was made for it. */
  madeFolder: z.literal(true).optional(),
});
const recordSchema = z.strictObject({
  version: z.literal(1),
  client: z.string().max(64),
  files: z.array(writtenFileSchema).min(1).max(1024),
});

export type WrittenFile = z.infer<typeof writtenFileSchema>;

export interface WriteRecord {
  readonly client: string;
  readonly files: readonly WrittenFile[];
}

export interface FoundRecord extends WriteRecord {
  /** Where it is. */
  readonly place: string;
}

const RECORD_NAME = /^wharf-write-[0-9TZ]+\.json$/;

/** `20261123T101500000Z`: sorts by time, and is a part of a name everywhere. */
export function stampOf(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '');
}

export async function saveRecord(folder: string, stamp: string, { client, files }: WriteRecord): Promise<void> {
  const text = `${JSON.stringify({ version: 1, client, files }, undefined, 2)}\n`;
  await createClientFile(path.join(folder, `wharf-write-${stamp}.json`), text);
}

/** Of the last write that was not undone. Throws UsageError when it is not as we wrote it. */
export async function newestRecord(folder: string, client: string): Promise<FoundRecord | undefined> {
  for (const name of (await namesIn(folder))
    .filter((each) => RECORD_NAME.test(each))
    .toSorted()
    .toReversed()) {
    const place = path.join(folder, name);
    const record = readRecord((await readClientFile(place))?.text, place);
    if (record.client === client) return { ...record, place };
  }
  return undefined;
}

export async function removeRecord({ place }: FoundRecord): Promise<void> {
  await rm(place, { force: true });
}

function readRecord(text: string | undefined, place: string): WriteRecord {
  try {
    return recordSchema.parse(JSON.parse(text ?? ''));
  } catch (cause) {
    throw new UsageError(
      `${place} is no record of a write by Wharf any more; the backups beside it are what was there`,
      {
        cause,
      },
    );
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw clientFileError(error, folder, 'read');
  }
}
