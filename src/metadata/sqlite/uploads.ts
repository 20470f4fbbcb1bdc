import type { Selectable } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { NewUpload, Upload } from '../housekeeping.ts';
import type { Page } from '../metadata-store.ts';
import type { Database, Schema } from './schema.ts';

export async function beginUpload(db: Database, { id, repository, digest }: NewUpload, nowMs: number): Promise<void> {
  const times = { started_at: nowMs, received_at: nowMs };
  await db
    .insertInto('uploads')
    .values({ id, repository, digest: digest ?? null, offset_bytes: 0, ...times })
    .execute();
}

export async function uploadOf(db: Database, id: string): Promise<Upload | undefined> {
  const row = await db.selectFrom('uploads').selectAll().where('id', '=', id).executeTakeFirst();
  return row && read(row);
}

export async function advanceUpload(
  db: Database,
  id: string,
  { from, to, nowMs }: { readonly from: number; readonly to: number; readonly nowMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('uploads')
    .set({ offset_bytes: to, received_at: nowMs })
    .where('id', '=', id)
    .where('offset_bytes', '=', from)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function nameUpload(
  db: Database,
  id: string,
  { digest, nowMs }: { readonly digest: Digest; readonly nowMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('uploads')
    .set({ digest, received_at: nowMs })
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function endUpload(db: Database, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('uploads').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function endStaleUpload(db: Database, id: string, before: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('uploads')
    .where('id', '=', id)
    .where('received_at', '<', before)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function staleUploads(db: Database, before: number, { last = '', limit }: Page) {
  const rows = await db
    .selectFrom('uploads')
    .selectAll()
    .where('received_at', '<', before)
    .where('id', '>', last)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(read);
}

function read(row: Selectable<Schema['uploads']>): Upload {
  return {
    id: row.id,
    repository: row.repository as RepositoryName,
    digest: (row.digest ?? undefined) as Digest | undefined,
    startedAtMs: row.started_at,
    offset: row.offset_bytes,
  };
}
