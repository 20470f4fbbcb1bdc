// What nothing keeps. Each rule is written once, and asked both where garbage is listed and where it is deleted.
//
// A scan looks at the next rows by their ids and says of each whether it is garbage: so a page takes a bounded time also
// where there is nothing to find.
import { type RawBuilder, sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryDigest, Scan, ScanPage } from '../housekeeping.ts';
import { eachOf } from './repositories.ts';
import type { Database } from './schema.ts';

export interface Moment {
  /** What was given or put since is left alone. */
  readonly before: number;
  /** For leases. */
  readonly nowMs: number;
}

export const isHeld = (digest: RawBuilder<unknown>, { nowMs }: Pick<Moment, 'nowMs'>) => sql`(
  EXISTS (SELECT 1 FROM leases l WHERE l.digest = ${digest} AND l.until > ${nowMs})
  OR EXISTS (SELECT 1 FROM uploads u WHERE u.digest = ${digest}))`;

/** Of a row b of blobs, or of none. */
const isUnreferenced = (digest: RawBuilder<unknown>, moment: Moment) => sql<0 | 1>`(
  NOT EXISTS (SELECT 1 FROM manifest_blobs mb WHERE mb.blob_id = b.id)
  AND NOT EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.blob_id = b.id AND rb.given_at >= ${moment.before})
  AND NOT ${isHeld(digest, moment)})`;

/** Of rows rb of repository_blobs and b of blobs. */
const isUnnamed = (moment: Moment) => sql<0 | 1>`(
  rb.given_at < ${moment.before}
  AND NOT EXISTS (
    SELECT 1 FROM manifest_blobs mb
    JOIN repository_manifests rm ON rm.manifest_id = mb.manifest_id AND rm.repository_id = rb.repository_id
    WHERE mb.blob_id = rb.blob_id)
  AND NOT ${isHeld(sql`b.digest`, moment)})`;

/**
 * Of rows rm of repository_manifests and m of manifests. A CROSS JOIN is done in its order: not by way of all that the
 * repository has.
 */
export const isChild = sql`EXISTS (
  SELECT 1 FROM manifest_children mc
  CROSS JOIN repository_manifests parent ON parent.manifest_id = mc.manifest_id AND parent.repository_id = rm.repository_id
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

export async function unreferencedBlobs(db: Database, moment: Moment, page: ScanPage): Promise<Scan<Digest>> {
  const [after = 0] = readCursor(page);
  const { rows } = await sql<{ id: number; digest: Digest; garbage: 0 | 1 }>`
    SELECT b.id, b.digest, ${isUnreferenced(sql`b.digest`, moment)} AS garbage
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

export async function unknownBlobs(
  db: Database,
  digests: readonly Digest[],
  nowMs: number,
): Promise<readonly Digest[]> {
  const { rows } = await sql<{ digest: Digest }>`
    SELECT value AS digest FROM ${eachOf(digests)}
    WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.digest = value)
      AND NOT ${isHeld(sql`value`, { nowMs })}`.execute(db);
  return rows.map(({ digest }) => digest);
}

/** To be called in a transaction. */
export async function forgetBlobs(
  db: Database,
  digests: readonly Digest[],
  moment: Moment,
): Promise<readonly Digest[]> {
  const { rows } = await sql<{ digest: Digest; id: number | null }>`
    SELECT value AS digest, b.id FROM ${eachOf(digests)} LEFT JOIN blobs b ON b.digest = value
    WHERE ${isUnreferenced(sql`value`, moment)}`.execute(db);
  const ids = eachOf(rows.map(({ id }) => id).filter((id) => id !== null));
  await sql`DELETE FROM repository_blobs WHERE blob_id IN (SELECT value FROM ${ids})`.execute(db);
  await sql`DELETE FROM blobs WHERE id IN (SELECT value FROM ${ids})`.execute(db);
  return rows.map(({ digest }) => digest);
}

/** To be called in a transaction. */
export async function forgetUnnamedBlobs(
  db: Database,
  blobs: readonly RepositoryDigest[],
  moment: Moment,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    DELETE FROM repository_blobs WHERE (repository_id, blob_id) IN (
      SELECT rb.repository_id, rb.blob_id FROM ${pairsOf(blobs)}
      JOIN repositories r ON r.name = value ->> 0
      JOIN blobs b ON b.digest = value ->> 1
      JOIN repository_blobs rb ON rb.repository_id = r.id AND rb.blob_id = b.id
      WHERE ${isUnnamed(moment)})`.execute(db);
  return Number(numAffectedRows);
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

function pairsOf(values: readonly RepositoryDigest[]) {
  return eachOf(values.map(({ repository, digest }) => [repository, digest]));
}

export function scanOf<Row extends { readonly garbage: 0 | 1 }, Found>(
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

export function readCursor({ after }: ScanPage): readonly number[] {
  return after === undefined ? [] : after.split('/').map(Number);
}
