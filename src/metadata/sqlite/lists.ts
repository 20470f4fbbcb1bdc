import { sql } from 'kysely';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { ManifestOrigin, Page, ReferrersPage } from '../metadata-store.ts';
import type { Database } from './schema.ts';

/** Each manifest may have as many annotations as it has bytes. */
const REFERRERS_BYTES = 1024 * 1024;
/** Without reading them: a row has its lengths at its begin. */
const TEXT_BYTES = sql<number>`coalesce(octet_length(annotations), 0) + coalesce(octet_length(artifact_type), 0)`;

export async function listRepositories(db: Database, { last = '', limit }: Page): Promise<readonly RepositoryName[]> {
  const rows = await db
    .selectFrom('repositories')
    .select('name')
    .where('name', '>', last)
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map(({ name }) => name as RepositoryName);
}

export async function repositoriesWith(db: Database, blob: Digest, { last = '', limit }: Page) {
  const rows = await db
    .selectFrom('repository_blobs')
    .innerJoin('blobs', 'blobs.id', 'blob_id')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .select('name')
    .where('digest', '=', blob)
    .where('name', '>', last)
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map(({ name }) => name as RepositoryName);
}

export async function referrers(
  db: Database,
  repository: RepositoryName,
  subject: Digest,
  { artifactType, last = '', limit }: ReferrersPage,
): Promise<readonly Descriptor[]> {
  let query = db
    .selectFrom('manifests')
    .innerJoin('repository_manifests', 'manifest_id', 'manifests.id')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .where('subject', '=', subject)
    .where('repositories.name', '=', repository)
    .where('manifests.digest', '>', last)
    .orderBy('manifests.digest');
  if (artifactType !== undefined) query = query.where('artifact_type', '=', artifactType);
  const sizes = await query.select(TEXT_BYTES.as('textBytes')).limit(limit).execute();
  const rows = await query
    .select(['manifests.digest', 'media_type', 'size_bytes', 'artifact_type', 'annotations'])
    .limit(countWithin(REFERRERS_BYTES, sizes))
    .execute();
  return rows.map((row) => ({
    mediaType: row.media_type,
    digest: row.digest as Digest,
    size: row.size_bytes,
    ...(row.artifact_type !== null && { artifactType: row.artifact_type }),
    ...(row.annotations !== null && { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  }));
}

/** How many of them are read at once: as many as fit, and at least one. */
function countWithin(maxBytes: number, sizes: readonly { readonly textBytes: number }[]): number {
  let sizeBytes = 0;
  let count = 0;
  for (const { textBytes } of sizes) {
    sizeBytes += textBytes;
    if (count > 0 && sizeBytes > maxBytes) break;
    count += 1;
  }
  return count;
}

export async function manifestOrigin(
  db: Database,
  repository: RepositoryName,
  digest: Digest,
): Promise<ManifestOrigin | undefined> {
  const row = await db
    .selectFrom('repository_manifests')
    .innerJoin('manifests', 'manifests.id', 'manifest_id')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .select(['put_at', 'upstream'])
    .where('manifests.digest', '=', digest)
    .where('repositories.name', '=', repository)
    .executeTakeFirst();
  return row && { at: new Date(row.put_at), upstream: row.upstream ?? undefined };
}
