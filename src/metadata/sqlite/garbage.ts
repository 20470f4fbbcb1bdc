// What nothing keeps. Each rule is written once, and asked both where garbage is listed and where it is deleted.
//
// A scan looks at the next rows by their ids and says of each whether it is garbage: so a page takes a bounded time also
// where there is nothing to find.
import { type RawBuilder, sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryDigest, Scan, ScanPage, UsedManifest } from '../housekeeping.ts';
import type { Database } from './schema.ts';

export interface Moment {
  /** What was given or put since is left alone. */
  readonly before: number;
  /** For leases. */
  readonly nowMs: number;
}

const isHeld = (digest: RawBuilder<unknown>, { nowMs }: Moment) => sql`(
  EXISTS (SELECT 1 FROM leases l WHERE l.digest = ${digest} AND l.until > ${nowMs})
  OR EXISTS (SELECT 1 FROM uploads u WHERE u.digest = ${digest}))`;

/** Of a row b of blobs. */
const isUnreferenced = (moment: Moment) => sql<0 | 1>`(
  NOT EXISTS (SELECT 1 FROM manifest_blobs mb WHERE mb.blob_id = b.id)
  AND NOT EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.blob_id = b.id AND rb.given_at >= ${moment.before})
  AND NOT ${isHeld(sql`b.digest`, moment)})`;

/** Of rows rb of repository_blobs and b of blobs. */
const isUnnamed = (moment: Moment) => sql<0 | 1>`(
  rb.given_at < ${moment.before}
  AND NOT EXISTS (
    SELECT 1 FROM manifest_blobs mb
    JOIN repository_manifests rm ON rm.manifest_id = mb.manifest_id AND rm.repository_id = rb.repository_id
    WHERE mb.blob_id = rb.blob_id)
  AND NOT ${isHeld(sql`b.digest`, moment)})`;

/** Of rows rm of repository_manifests and m of manifests. */
const isChild = sql`EXISTS (
  SELECT 1 FROM manifest_children mc
  JOIN repository_manifests parent ON parent.manifest_id = mc.manifest_id AND parent.repository_id = rm.repository_id
  WHERE mc.child = m.digest)`;
const isUntagged = (moment: Moment) => sql<0 | 1>`(
  rm.put_at < ${moment.before}
  AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.manifest_id = rm.manifest_id AND t.repository_id = rm.repository_id)
  AND NOT ${isChild}
  AND NOT EXISTS (
    SELECT 1 FROM manifests s
    JOIN repository_manifests rs ON rs.manifest_id = s.id AND rs.repository_id = rm.repository_id
    WHERE s.digest = m.subject)
  AND NOT ${isHeld(sql`m.digest`, moment)})`;
const isPinned = sql`EXISTS (
  SELECT 1 FROM tags t JOIN pins p ON p.tag = t.name AND p.repository = r.name
  WHERE t.manifest_id = rm.manifest_id AND t.repository_id = rm.repository_id)`;

export async function unreferencedBlobs(db: Database, moment: Moment, page: ScanPage): Promise<Scan<Digest>> {
  const [after = 0] = readCursor(page);
  const { rows } = await sql<{ id: number; digest: Digest; garbage: 0 | 1 }>`
    SELECT b.id, b.digest, ${isUnreferenced(moment)} AS garbage
    FROM blobs b WHERE b.id > ${after} ORDER BY b.id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, {
    cursor: ({ id }) => [id],
    found: ({ digest }) => digest,
  });
}

interface PairRow extends RepositoryDigest {
  readonly repository_id: number;
  readonly id: number;
  readonly garbage: 0 | 1;
}

const pairs = {
  cursor: ({ repository_id, id }: PairRow) => [repository_id, id],
  found: ({ repository, digest }: PairRow) => ({ repository, digest }),
};

export async function unnamedBlobs(db: Database, moment: Moment, page: ScanPage): Promise<Scan<RepositoryDigest>> {
  const [repository = 0, blob = 0] = readCursor(page);
  const { rows } = await sql<PairRow>`
    SELECT rb.repository_id, b.id, r.name AS repository, b.digest, ${isUnnamed(moment)} AS garbage
    FROM repository_blobs rb
    JOIN blobs b ON b.id = rb.blob_id
    JOIN repositories r ON r.id = rb.repository_id
    WHERE (rb.repository_id, rb.blob_id) > (${repository}, ${blob})
    ORDER BY rb.repository_id, rb.blob_id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, pairs);
}

export async function untaggedManifests(db: Database, moment: Moment, page: ScanPage): Promise<Scan<RepositoryDigest>> {
  const [repository = 0, manifest = 0] = readCursor(page);
  const { rows } = await sql<PairRow>`
    SELECT rm.repository_id, m.id, r.name AS repository, m.digest, ${isUntagged(moment)} AS garbage
    FROM repository_manifests rm
    JOIN manifests m ON m.id = rm.manifest_id
    JOIN repositories r ON r.id = rm.repository_id
    WHERE (rm.repository_id, rm.manifest_id) > (${repository}, ${manifest})
    ORDER BY rm.repository_id, rm.manifest_id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, pairs);
}

export async function leastRecentlyUsed(db: Database, before: number, page: ScanPage): Promise<Scan<UsedManifest>> {
  const [usedAt = 0, repository = 0, manifest = 0] = readCursor(page);
  const { rows } = await sql<PairRow & UsedManifest>`
    SELECT rm.used_at AS usedAtMs, rm.repository_id, m.id, r.name AS repository, m.digest,
      NOT ${isPinned} AND NOT ${isChild} AS garbage
    FROM repository_manifests rm
    JOIN manifests m ON m.id = rm.manifest_id
    JOIN repositories r ON r.id = rm.repository_id
    WHERE rm.used_at < ${before}
      AND (rm.used_at, rm.repository_id, rm.manifest_id) > (${usedAt}, ${repository}, ${manifest})
    ORDER BY rm.used_at, rm.repository_id, rm.manifest_id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, {
    cursor: (row) => [row.usedAtMs, row.repository_id, row.id],
    found: (row) => ({ ...pairs.found(row), usedAtMs: row.usedAtMs }),
  });
}

/** To be called in a transaction. */
export async function forgetBlob(db: Database, digest: Digest, moment: Moment): Promise<boolean> {
  const { rows } = await sql<{ id: number; garbage: 0 | 1 }>`
    SELECT b.id, ${isUnreferenced(moment)} AS garbage FROM blobs b WHERE b.digest = ${digest}`.execute(db);
  const [blob] = rows;
  if (blob === undefined) return !(await isDigestHeld(db, digest, moment));
  if (blob.garbage === 0) return false;
  await db.deleteFrom('repository_blobs').where('blob_id', '=', blob.id).execute();
  await db.deleteFrom('blobs').where('id', '=', blob.id).execute();
  return true;
}

/** Whether `unnamedBlobs` would list it now. */
export async function isBlobUnnamed(db: Database, blob: RepositoryDigest, moment: Moment): Promise<boolean> {
  const { rows } = await sql<{ garbage: 0 | 1 }>`
    SELECT ${isUnnamed(moment)} AS garbage FROM repositories r
    JOIN blobs b ON b.digest = ${blob.digest}
    JOIN repository_blobs rb ON rb.repository_id = r.id AND rb.blob_id = b.id
    WHERE r.name = ${blob.repository}`.execute(db);
  return rows[0]?.garbage === 1;
}

/** Whether `untaggedManifests` would list it now. */
export async function isManifestUntagged(db: Database, manifest: RepositoryDigest, moment: Moment): Promise<boolean> {
  const { rows } = await sql<{ garbage: 0 | 1 }>`
    SELECT ${isUntagged(moment)} AS garbage FROM repositories r
    JOIN manifests m ON m.digest = ${manifest.digest}
    JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.manifest_id = m.id
    WHERE r.name = ${manifest.repository}`.execute(db);
  return rows[0]?.garbage === 1;
}

async function isDigestHeld(db: Database, digest: Digest, moment: Moment): Promise<boolean> {
  const { rows } = await sql<{ held: 0 | 1 }>`SELECT ${isHeld(sql`${digest}`, moment)} AS held`.execute(db);
  return rows[0]?.held === 1;
}

function scanOf<Row extends { readonly garbage: 0 | 1 }, Found>(
  rows: readonly Row[],
  { limit }: ScanPage,
  read: { cursor(row: Row): readonly number[]; found(row: Row): Found },
): Scan<Found> {
  const last = rows.at(-1);
  return {
    found: rows.filter(({ garbage }) => garbage === 1).map((row) => read.found(row)),
    next: last === undefined || rows.length < limit ? undefined : read.cursor(last).join('/'),
  };
}

function readCursor({ after }: ScanPage): readonly number[] {
  return after === undefined ? [] : after.split('/').map(Number);
}
