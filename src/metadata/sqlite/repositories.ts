import { sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { Database } from './schema.ts';

export async function repositoryId(db: Database, name: RepositoryName): Promise<number | undefined> {
  const row = await db.selectFrom('repositories').select('id').where('name', '=', name).executeTakeFirst();
  return row?.id;
}

/** Of a new repository, if there is none of the name. */
export async function ensureRepository(db: Database, name: RepositoryName): Promise<number> {
  const known = await repositoryId(db, name);
  if (known !== undefined) return known;
  const { id } = await db.insertInto('repositories').values({ name }).returning('id').executeTakeFirstOrThrow();
  return id;
}

/** The manifest, when the repository has it. */
export async function manifestIdIn(db: Database, repository: number, digest: Digest): Promise<number | undefined> {
  const row = await db
    .selectFrom('manifests')
    .innerJoin('repository_manifests', 'manifest_id', 'manifests.id')
    .select('manifests.id')
    .where('digest', '=', digest)
    .where('repository_id', '=', repository)
    .executeTakeFirst();
  return row?.id;
}

/** Many values as one parameter: a statement has a bound on those, and each number of them would be another one. */
export function eachOf(values: readonly unknown[]) {
  return sql`json_each(${JSON.stringify(values)})`;
}
