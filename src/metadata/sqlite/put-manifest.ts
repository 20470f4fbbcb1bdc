import { sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { NewManifest, PutOptions } from '../metadata-store.ts';
import { eachOf, ensureRepository } from './repositories.ts';
import type { Database } from './schema.ts';
import { moveTag } from './tags.ts';

const MAX_NAMED = 10;

/** To be called in a transaction. */
export async function putManifest(
  db: Database,
  repositoryName: RepositoryName,
  manifest: NewManifest,
  { tags = [], upstream, mayLack = 'nothing', nowMs }: PutOptions & { readonly nowMs: number },
): Promise<void> {
  const repository = await ensureRepository(db, repositoryName);
  if (mayLack === 'nothing') refuse(repositoryName, await missingManifests(db, repository, manifest.manifests));
  if (mayLack !== 'anything') {
    const digests = manifest.blobs.map(({ digest }) => digest);
    refuse(repositoryName, await missingBlobs(db, repository, digests));
  }
  const known = await db.selectFrom('manifests').select('id').where('digest', '=', manifest.digest).executeTakeFirst();
  const manifestId = known?.id ?? (await insertManifest(db, manifest));
  const from = { upstream: upstream ?? null };
  const row = { media_type: manifest.mediaType, put_at: nowMs, used_at: nowMs, ...from };
  await db
    .insertInto('repository_manifests')
    .values({ repository_id: repository, manifest_id: manifestId, ...row })
    .onConflict((conflict) => conflict.columns(['repository_id', 'manifest_id']).doUpdateSet(row))
    .execute();
  for (const tag of tags) {
    await moveTag(db, { repository, tag, manifestId, digest: manifest.digest, at: nowMs, ...from });
  }
}

async function missingManifests(db: Database, repository: number, digests: readonly Digest[]) {
  if (digests.length === 0) return [];
  const { rows } = await sql<{ digest: string }>`
    SELECT value AS digest FROM ${eachOf(digests)} WHERE NOT EXISTS (
      SELECT 1 FROM manifests JOIN repository_manifests ON manifest_id = manifests.id
      WHERE digest = value AND repository_id = ${repository})
    LIMIT ${MAX_NAMED + 1}`.execute(db);
  return rows;
}

async function missingBlobs(db: Database, repository: number, digests: readonly Digest[]) {
  if (digests.length === 0) return [];
  const { rows } = await sql<{ digest: string }>`
    SELECT value AS digest FROM ${eachOf(digests)} WHERE NOT EXISTS (
      SELECT 1 FROM blobs JOIN repository_blobs ON blob_id = blobs.id
      WHERE digest = value AND repository_id = ${repository})
    LIMIT ${MAX_NAMED + 1}`.execute(db);
  return rows;
}

function refuse(repository: RepositoryName, missing: readonly { readonly digest: string }[]): void {
  if (missing.length === 0) return;
  const named = missing.slice(0, MAX_NAMED).map(({ digest }) => digest);
  const more = missing.length > MAX_NAMED ? ', and more' : '';
  throw new OciError(
    'MANIFEST_BLOB_UNKNOWN',
    `the manifest names what is not in ${repository}: ${named.join(', ')}${more}; push that first`,
  );
}

async function insertManifest(db: Database, manifest: NewManifest): Promise<number> {
  const { digest, bytes, subject, artifactType, annotations, manifests, blobs } = manifest;
  const { id } = await db
    .insertInto('manifests')
    .values({
      digest,
      size_bytes: bytes.byteLength,
      subject: subject ?? null,
      artifact_type: artifactType ?? null,
      annotations: annotations === undefined ? null : JSON.stringify(annotations),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db.insertInto('manifest_bytes').values({ manifest_id: id, bytes }).execute();
  if (manifests.length > 0) {
    await sql`INSERT OR IGNORE INTO manifest_children (child, manifest_id)
      SELECT value, ${id} FROM ${eachOf(manifests)}`.execute(db);
  }
  if (blobs.length > 0) {
    const rows = eachOf(blobs.map((blob) => [blob.digest, blob.sizeBytes]));
    // What is not here yet gets a row to be named by; its size is set right when it comes.
    await sql`INSERT OR IGNORE INTO blobs (digest, size_bytes)
      SELECT value ->> 0, value ->> 1 FROM ${rows}`.execute(db);
    await sql`INSERT OR IGNORE INTO manifest_blobs (blob_id, manifest_id)
      SELECT blobs.id, ${id} FROM ${rows} JOIN blobs ON blobs.digest = value ->> 0`.execute(db);
  }
  return id;
}
