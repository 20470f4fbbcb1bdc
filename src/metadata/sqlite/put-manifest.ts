import { sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { NamedBlob, NewManifest, PutOptions } from '../metadata-store.ts';
import { eachOf, ensureRepository } from './repositories.ts';
import type { Database } from './schema.ts';
import { guardTags, moveTag } from './tags.ts';

const MAX_NAMED = 10;

/** To be called in a transaction. */
export async function putManifest(
  db: Database,
  repositoryName: RepositoryName,
  manifest: NewManifest,
  { tags = [], upstream, mayLack = 'nothing', guard, nowMs }: PutOptions & { readonly nowMs: number },
): Promise<void> {
  const repository = await ensureRepository(db, repositoryName);
  await guardTags(db, guard, { repository, tags, to: manifest.digest });
  if (mayLack === 'nothing') refuse(repositoryName, await missingChildren(db, repository, manifest));
  if (mayLack !== 'anything') refuse(repositoryName, await missingParts(db, repository, manifest));
  const known = await db.selectFrom('manifests').select('id').where('digest', '=', manifest.digest).executeTakeFirst();
  if (known !== undefined) await putBytes(db, known.id, manifest.bytes);
  const manifestId = known?.id ?? (await insertManifest(db, manifest));
  const from = { upstream: upstream ?? null };
  const row = { media_type: manifest.mediaType, put_at: nowMs, used_at: nowMs, may_lack: mayLack, ...from };
  await db
    .insertInto('repository_manifests')
    .values({ repository_id: repository, manifest_id: manifestId, ...row })
    .onConflict((conflict) => conflict.columns(['repository_id', 'manifest_id']).doUpdateSet(row))
    .execute();
  for (const tag of tags) {
    await moveTag(db, { repository, tag, manifestId, digest: manifest.digest, at: nowMs, ...from });
  }
}

type Parts = Pick<NewManifest, 'manifests' | 'blobs'>;

async function missingChildren(db: Database, repository: number, { manifests, blobs }: Parts) {
  const missing = await withoutManifest(db, repository, manifests);
  const mayBeBlobs = new Set(namedAs('child', blobs));
  const inQuestion = missing.filter((digest) => mayBeBlobs.has(digest));
  const lost = new Set(await withoutBlob(db, repository, inQuestion));
  return missing.filter((digest) => !mayBeBlobs.has(digest) || lost.has(digest));
}

async function missingParts(db: Database, repository: number, { blobs }: Parts) {
  return await withoutBlob(db, repository, namedAs('part', blobs));
}

function namedAs(kind: NamedBlob['as'], blobs: readonly NamedBlob[]): readonly Digest[] {
  return blobs.filter(({ as = 'part' }) => as === kind).map(({ digest }) => digest);
}

async function withoutManifest(db: Database, repository: number, digests: readonly Digest[]) {
  if (digests.length === 0) return [];
  const { rows } = await sql<{ digest: Digest }>`
    SELECT value AS digest FROM ${eachOf(digests)} WHERE NOT EXISTS (
      SELECT 1 FROM manifests JOIN repository_manifests ON manifest_id = manifests.id
      WHERE digest = value AND repository_id = ${repository})`.execute(db);
  return rows.map(({ digest }) => digest);
}

async function withoutBlob(db: Database, repository: number, digests: readonly Digest[]) {
  if (digests.length === 0) return [];
  const { rows } = await sql<{ digest: Digest }>`
    SELECT value AS digest FROM ${eachOf(digests)} WHERE NOT EXISTS (
      SELECT 1 FROM blobs JOIN repository_blobs ON blob_id = blobs.id
      WHERE digest = value AND repository_id = ${repository})`.execute(db);
  return rows.map(({ digest }) => digest);
}

function refuse(repository: RepositoryName, missing: readonly Digest[]): void {
  if (missing.length === 0) return;
  const named = missing.slice(0, MAX_NAMED);
  const more = missing.length > MAX_NAMED ? ', and more' : '';
  throw new OciError(
    'MANIFEST_BLOB_UNKNOWN',
    `the manifest names what is not in ${repository}: ${named.join(', ')}${more}; push that first`,
  );
}

/** Bytes that were lost or damaged come back with whoever puts the manifest again. */
async function putBytes(db: Database, manifestId: number, bytes: Uint8Array): Promise<void> {
  await sql`INSERT INTO manifest_bytes (manifest_id, bytes) VALUES (${manifestId}, ${bytes})
    ON CONFLICT (manifest_id) DO UPDATE SET bytes = excluded.bytes WHERE bytes <> excluded.bytes`.execute(db);
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
  await putBytes(db, id, bytes);
  if (manifests.length > 0) {
    await sql`INSERT OR IGNORE INTO manifest_children (child, manifest_id)
      SELECT value, ${id} FROM ${eachOf(manifests)}`.execute(db);
  }
  if (blobs.length > 0) {
    const rows = eachOf(blobs.map(({ digest, sizeBytes, as = 'part' }) => [digest, sizeBytes, as]));
    // What is not here yet gets a row to be named by; its size is set right when it comes.
    await sql`INSERT OR IGNORE INTO blobs (digest, size_bytes)
      SELECT value ->> 0, value ->> 1 FROM ${rows}`.execute(db);
    await sql`INSERT OR IGNORE INTO manifest_blobs (blob_id, manifest_id, named_as)
      SELECT blobs.id, ${id}, value ->> 2 FROM ${rows} JOIN blobs ON blobs.digest = value ->> 0`.execute(db);
  }
  return id;
}
