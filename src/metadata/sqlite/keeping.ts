// Leases, pins and last use: why content stays that nothing else keeps.
import { sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { Pin, RepositoryDigest } from '../housekeeping.ts';
import { eachOf } from './repositories.ts';
import type { Database } from './schema.ts';

export async function lease(db: Database, digests: readonly Digest[], until: number): Promise<void> {
  // "WHERE true" tells SQLite's parser that the ON which follows is not of a join.
  await sql`INSERT INTO leases (digest, until) SELECT value, ${until} FROM ${eachOf(digests)} WHERE true
    ON CONFLICT (digest) DO UPDATE SET until = excluded.until WHERE excluded.until > leases.until`.execute(db);
}

export async function forgetLeases(db: Database, nowMs: number, limit: number): Promise<number> {
  const over = db.selectFrom('leases').select('digest').where('until', '<=', nowMs).orderBy('until').limit(limit);
  const { numDeletedRows } = await db.deleteFrom('leases').where('digest', 'in', over).executeTakeFirst();
  return Number(numDeletedRows);
}

export async function pin(db: Database, { job, repository, tag }: Pin): Promise<void> {
  await db
    .insertInto('pins')
    .values({ job, repository, tag })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function unpin(db: Database, { job, repository, tag }: Pin): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('pins')
    .where('job', '=', job)
    .where('repository', '=', repository)
    .where('tag', '=', tag)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function pinsOf(
  db: Database,
  job: string,
  { last, limit }: { readonly last?: Pin | undefined; readonly limit: number },
): Promise<readonly Pin[]> {
  const rows = await db
    .selectFrom('pins')
    .select(['repository', 'tag'])
    .where('job', '=', job)
    .where(sql<boolean>`(repository, tag) > (${last?.repository ?? ''}, ${last?.tag ?? ''})`)
    .orderBy('repository')
    .orderBy('tag')
    .limit(limit)
    .execute();
  return rows.map(({ repository, tag }) => ({ job, repository: repository as RepositoryName, tag: tag as Tag }));
}

/** Who knows a child knows how many indexes name it only when he looks: so many of them are renewed. */
const MAX_RENEWED = 10_000;

/** Those that are not there are passed over, but their indexes are not; and what was used later stays so. */
export async function markUsed(db: Database, manifests: readonly RepositoryDigest[], at: number): Promise<void> {
  const pairs = eachOf(manifests.map(({ repository, digest }) => [repository, digest]));
  await sql`WITH RECURSIVE used (repository_id, digest) AS (
      SELECT repositories.id, value ->> 1 FROM ${pairs} JOIN repositories ON repositories.name = value ->> 0
      UNION
      SELECT used.repository_id, parent.digest FROM used
      JOIN manifest_children mc ON mc.child = used.digest
      JOIN repository_manifests rm ON rm.manifest_id = mc.manifest_id AND rm.repository_id = used.repository_id
      JOIN manifests parent ON parent.id = mc.manifest_id
      LIMIT ${manifests.length + MAX_RENEWED})
    UPDATE repository_manifests SET used_at = ${at} WHERE used_at < ${at} AND (repository_id, manifest_id) IN (
      SELECT used.repository_id, m.id FROM used JOIN manifests m ON m.digest = used.digest)`.execute(db);
}
