import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { TagGuard } from '../../oci/tag-guard.ts';
import type { ConfirmedTag, Page, TagMove } from '../metadata-store.ts';
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

/** To be called in a transaction, before anything is changed. */
export async function guardTags(
  db: Database,
  guard: TagGuard | undefined,
  { repository, tags, to }: { readonly repository: number; readonly tags: readonly Tag[]; readonly to?: Digest },
): Promise<void> {
  if (guard === undefined) return;
  for (const tag of tags) {
    const from = await meaningOf(db, repository, tag);
    if (from !== undefined || to !== undefined) guard({ tag, from, to });
  }
}

async function meaningOf(db: Database, repository: number, tag: Tag): Promise<Digest | undefined> {
  const row = await db
    .selectFrom('tags')
    .innerJoin('manifests', 'manifests.id', 'manifest_id')
    .select('digest')
    .where('repository_id', '=', repository)
    .where('name', '=', tag)
    .executeTakeFirst();
  return row?.digest as Digest | undefined;
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
  const isSame = now?.manifest_id === manifestId;
  if (isSame && upstream === null) return;
  const meaning = { manifest_id: manifestId, confirmed_at: upstream === null ? null : at };
  await db
    .insertInto('tags')
    .values({ ...key, ...meaning })
    .onConflict((conflict) => conflict.columns(['repository_id', 'name']).doUpdateSet(meaning))
    .execute();
  if (isSame) return;
  await db
    .insertInto('tag_moves')
    .values({ ...key, digest, at, upstream })
    .execute();
}

/** Nothing happens where the tag means something else by now. */
export async function confirmTag(db: Database, tag: ConfirmedTag): Promise<void> {
  await db
    .updateTable('tags')
    .set({ confirmed_at: tag.at })
    .where('name', '=', tag.tag)
    .where('repository_id', '=', (ids) =>
      ids.selectFrom('repositories').select('id').where('name', '=', tag.repository),
    )
    .where('manifest_id', '=', (ids) => ids.selectFrom('manifests').select('id').where('digest', '=', tag.digest))
    .execute();
}

export async function tagConfirmedAt(db: Database, repository: RepositoryName, tag: Tag): Promise<number | undefined> {
  const row = await db
    .selectFrom('tags')
    .innerJoin('repositories', 'repositories.id', 'repository_id')
    .select('confirmed_at')
    .where('repositories.name', '=', repository)
    .where('tags.name', '=', tag)
    .executeTakeFirst();
  return row?.confirmed_at ?? undefined;
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
