import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { Page, TagMove } from '../metadata-store.ts';
import { repositoryId } from './repositories.ts';
import type { Database } from './schema.ts';

interface Move {
  readonly repository: number;
  readonly tag: Tag;
  readonly manifestId: number;
  readonly digest: Digest;
  readonly at: number;
  readonly upstream: string | null;
}

/** To be called in a transaction. The history has a row for each change of what the tag means. */
export async function moveTag(db: Database, { repository, tag, manifestId, digest, at, upstream }: Move) {
  const key = { repository_id: repository, name: tag };
  const now = await db
    .selectFrom('tags')
    .select('manifest_id')
    .where('repository_id', '=', repository)
    .where('name', '=', tag)
    .executeTakeFirst();
  if (now?.manifest_id === manifestId) return;
  await db
    .insertInto('tags')
    .values({ ...key, manifest_id: manifestId })
    .onConflict((conflict) => conflict.columns(['repository_id', 'name']).doUpdateSet({ manifest_id: manifestId }))
    .execute();
  await db
    .insertInto('tag_moves')
    .values({ ...key, digest, at, upstream })
    .execute();
}

/** To be called in a transaction. */
export async function forgetTag(db: Database, repository: number, tag: Tag, at: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('tags')
    .where('repository_id', '=', repository)
    .where('name', '=', tag)
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await db
    .insertInto('tag_moves')
    .values({ repository_id: repository, name: tag, digest: null, at, upstream: null })
    .execute();
  return true;
}

export async function tagHistory(
  db: Database,
  repository: RepositoryName,
  tag: Tag,
  limit: number,
): Promise<readonly TagMove[]> {
  const rows = await db
    .selectFrom('tag_moves')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .select(['digest', 'at', 'upstream'])
    .where('repositories.name', '=', repository)
    .where('tag_moves.name', '=', tag)
    .orderBy('tag_moves.id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ digest, at, upstream }) => ({
    digest: (digest ?? undefined) as Digest | undefined,
    at: new Date(at),
    upstream: upstream ?? undefined,
  }));
}

export async function tagsOf(db: Database, repository: RepositoryName, digest: Digest, { last = '', limit }: Page) {
  const rows = await db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'manifest_id')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .select('tags.name')
    .where('manifests.digest', '=', digest)
    .where('repositories.name', '=', repository)
    .where('tags.name', '>', last)
    .orderBy('tags.name')
    .limit(limit)
    .execute();
  return rows.map(({ name }) => name as Tag);
}

export async function listTags(db: Database, name: RepositoryName, { last = '', limit }: Page) {
  const repository = await repositoryId(db, name);
  if (repository === undefined) return undefined;
  const rows = await db
    .selectFrom('tags')
    .select('name')
    .where('repository_id', '=', repository)
    .where('name', '>', last)
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map((row) => row.name as Tag);
}
