// Tags that are moved every night for years.
import { sql } from 'kysely';
import type { RepositoryTag, Scan, ScanPage, TagHistoryLimits } from '../housekeeping.ts';
import { repositoryId } from './repositories.ts';
import type { Database } from './schema.ts';

interface HistoryRow extends RepositoryTag {
  readonly repository_id: number;
  readonly moves: number;
}

/** Reads all moves of as many tags as a page has. */
export async function longTagHistories(db: Database, keep: number, page: ScanPage): Promise<Scan<RepositoryTag>> {
  const [repositoryAfter, tagAfter] = readCursor(page);
  const { rows } = await sql<HistoryRow>`
    SELECT h.repository_id, r.name AS repository, h.name AS tag, h.moves FROM (
      SELECT repository_id, name, count(*) AS moves FROM tag_moves
      WHERE (repository_id, name) > (${repositoryAfter}, ${tagAfter})
      GROUP BY repository_id, name ORDER BY repository_id, name LIMIT ${page.limit}) h
    JOIN repositories r ON r.id = h.repository_id
    ORDER BY h.repository_id, h.name`.execute(db);
  const last = rows.at(-1);
  return {
    found: rows.filter(({ moves }) => moves > keep).map(({ repository, tag }) => ({ repository, tag })),
    next: last === undefined || rows.length < page.limit ? undefined : `${last.repository_id}/${last.tag}`,
  };
}

/** To be called in a transaction. */
export async function trimTagHistory(
  db: Database,
  { repository, tag }: RepositoryTag,
  { keep, before }: TagHistoryLimits,
  limit: number,
): Promise<number> {
  const id = await repositoryId(db, repository);
  const ofTag = db
    .selectFrom('tag_moves')
    .select('id')
    .where('repository_id', '=', id ?? 0)
    .where('name', '=', tag);
  const latestTrimmed = ofTag.orderBy('id', 'desc').offset(keep).limit(1);
  const trimmed = ofTag.where('id', '<=', latestTrimmed).where('at', '<', before).orderBy('id').limit(limit);
  const { numDeletedRows } = await db.deleteFrom('tag_moves').where('id', 'in', trimmed).executeTakeFirst();
  return Number(numDeletedRows);
}

function readCursor({ after = '0/' }: ScanPage): readonly [repository: number, tag: string] {
  const slash = after.indexOf('/');
  return [Number(after.slice(0, slash)), after.slice(slash + 1)];
}
