import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { BlobSize } from '../metadata-store.ts';
import { ensureRepository } from './repositories.ts';
import type { Database } from './schema.ts';

/** To be called in a transaction. */
export async function addBlob(
  db: Database,
  repository: RepositoryName,
  { digest, sizeBytes }: BlobSize,
  nowMs: number,
): Promise<void> {
  const { id } = await db
    .insertInto('blobs')
    .values({ digest, size_bytes: sizeBytes })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet({ size_bytes: sizeBytes }))
    .returning('id')
    .executeTakeFirstOrThrow();
  await giveBlob(db, await ensureRepository(db, repository), id, nowMs);
}

/** To be called in a transaction. */
export async function mountBlob(
  db: Database,
  digest: Digest,
  { from, to, nowMs }: { readonly from: RepositoryName; readonly to: RepositoryName; readonly nowMs: number },
): Promise<boolean> {
  const blob = await blobIn(db, from, digest);
  if (blob === undefined) return false;
  await giveBlob(db, await ensureRepository(db, to), blob.blob_id, nowMs);
  return true;
}

/** To be called in a transaction. */
export async function takeBlob(db: Database, repository: RepositoryName, digest: Digest): Promise<boolean> {
  const blob = await blobIn(db, repository, digest);
  if (blob === undefined) return false;
  await db
    .deleteFrom('repository_blobs')
    .where('repository_id', '=', blob.repository_id)
    .where('blob_id', '=', blob.blob_id)
    .execute();
  return true;
}

async function giveBlob(db: Database, repository: number, blob: number, nowMs: number): Promise<void> {
  await db
    .insertInto('repository_blobs')
    .values({ repository_id: repository, blob_id: blob, given_at: nowMs })
    .onConflict((conflict) => conflict.columns(['repository_id', 'blob_id']).doUpdateSet({ given_at: nowMs }))
    .execute();
}

async function blobIn(db: Database, repository: RepositoryName, digest: Digest) {
  return await db
    .selectFrom('repository_blobs')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .innerJoin('blobs', 'blobs.id', 'blob_id')
    .select(['repository_id', 'blob_id'])
    .where('repositories.name', '=', repository)
    .where('blobs.digest', '=', digest)
    .executeTakeFirst();
}
