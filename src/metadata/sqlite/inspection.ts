import { type RawBuilder, sql } from 'kysely';
import { isDamage } from '../../database/disk-error.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryDigest, RepositoryTag, Scan, ScanPage } from '../housekeeping.ts';
import type { BlobOrigin, HeldManifest, IncompleteManifest, Inspection } from '../inspection.ts';
import type { BlobSize } from '../metadata-store.ts';
import type { Database } from './schema.ts';

/** Runs work on the database, and waits for another process that has it. */
type Query = <T>(work: (db: Database) => Promise<T>) => Promise<T>;

export function sqliteInspection(query: Query): Inspection {
  return {
    problems: (limit) => query((db) => problems(db, limit)),
    heldBlobTotals: () => query(heldBlobTotals),
    heldBlobs: (page) => query((db) => heldBlobs(db, page)),
    blobOrigins: (digest, limit) => query((db) => blobOrigins(db, digest, limit)),
    manifests: (page) => query((db) => manifests(db, page)),
    manifestBytes: (digest) => query((db) => manifestBytes(db, digest)),
    manifestHolders: (digest, limit) => query((db) => manifestHolders(db, digest, limit)),
    incompleteManifests: (page) => query((db) => incompleteManifests(db, page)),
    incompleteManifest: (manifest) => query((db) => incompleteManifest(db, manifest)),
    danglingTags: (page) => query((db) => danglingTags(db, page)),
  };
}

async function problems(db: Database, limit: number): Promise<readonly string[]> {
  try {
    const { rows } = await sql<{ quick_check: string }>`PRAGMA quick_check(${sql.lit(limit)})`.execute(db);
    return rows.map((row) => row.quick_check).filter((sentence) => sentence !== 'ok');
  } catch (error) {
    // Some damage it cannot even look past.
    if (!(error instanceof Error) || !isDamage(error)) throw error;
    return [error.message];
  }
}

/** Of a row b of blobs. */
const isHeld = sql<0 | 1>`EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.blob_id = b.id)`;

async function heldBlobTotals(db: Database) {
  const { rows } = await sql<{ blobs: number; sizeBytes: number }>`
    SELECT count(*) AS blobs, coalesce(sum(b.size_bytes), 0) AS sizeBytes FROM blobs b WHERE ${isHeld}`.execute(db);
  return { blobs: rows[0]?.blobs ?? 0, sizeBytes: rows[0]?.sizeBytes ?? 0 };
}

async function heldBlobs(db: Database, page: ScanPage): Promise<Scan<BlobSize>> {
  const [after = 0] = readCursor(page);
  const { rows } = await sql<BlobSize & { id: number; isFound: 0 | 1 }>`
    SELECT b.id, b.digest, b.size_bytes AS sizeBytes, ${isHeld} AS isFound
    FROM blobs b WHERE b.id > ${after} ORDER BY b.id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, {
    cursor: ({ id }) => [id],
    found: ({ isFound, digest, sizeBytes }) => (isFound === 1 ? { digest, sizeBytes } : undefined),
  });
}

async function blobOrigins(db: Database, digest: Digest, limit: number): Promise<readonly BlobOrigin[]> {
  const { rows } = await sql<BlobOrigin>`
    SELECT DISTINCT r.name AS repository, rm.upstream
    FROM blobs b
    JOIN manifest_blobs mb ON mb.blob_id = b.id
    JOIN repository_manifests rm ON rm.manifest_id = mb.manifest_id
    JOIN repositories r ON r.id = rm.repository_id
    WHERE b.digest = ${digest} AND rm.upstream IS NOT NULL
    ORDER BY r.name, rm.upstream LIMIT ${limit}`.execute(db);
  return rows;
}

async function manifests(db: Database, page: ScanPage): Promise<Scan<Digest>> {
  const [after = 0] = readCursor(page);
  const { rows } = await sql<{ id: number; digest: Digest }>`
    SELECT id, digest FROM manifests WHERE id > ${after} ORDER BY id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, { cursor: ({ id }) => [id], found: ({ digest }) => digest });
}

async function manifestBytes(db: Database, digest: Digest) {
  const { rows } = await sql<{ bytes: Uint8Array | null }>`
    SELECT mb.bytes FROM manifests m LEFT JOIN manifest_bytes mb ON mb.manifest_id = m.id
    WHERE m.digest = ${digest}
      AND EXISTS (SELECT 1 FROM repository_manifests rm WHERE rm.manifest_id = m.id)`.execute(db);
  return rows[0] && { bytes: rows[0].bytes ?? undefined };
}

interface ManifestRow extends RepositoryDigest {
  readonly repositoryId: number;
  readonly id: number;
  readonly mediaType: string;
  readonly upstream: string | null;
  readonly mayLack: 'nothing' | 'manifests' | 'anything' | null;
}

const MANIFEST_COLUMNS = sql`rm.repository_id AS repositoryId, m.id, r.name AS repository, m.digest,
  rm.media_type AS mediaType, rm.upstream, rm.may_lack AS mayLack`;
const MANIFEST_ROWS = sql`repository_manifests rm
  JOIN manifests m ON m.id = rm.manifest_id
  JOIN repositories r ON r.id = rm.repository_id`;

async function manifestHolders(db: Database, digest: Digest, limit: number): Promise<readonly HeldManifest[]> {
  const { rows } = await sql<ManifestRow>`
    SELECT ${MANIFEST_COLUMNS} FROM ${MANIFEST_ROWS}
    WHERE m.digest = ${digest} ORDER BY rm.upstream IS NULL, r.name LIMIT ${limit}`.execute(db);
  return rows.map(readManifest);
}

/** JSON arrays of digests, of a row of MANIFEST_ROWS. What was put before it was kept what may be missing counts as anything. */
const isManifestHere = (digest: RawBuilder<unknown>) => sql`EXISTS (
    SELECT 1 FROM manifests child
    JOIN repository_manifests held ON held.manifest_id = child.id AND held.repository_id = rm.repository_id
    WHERE child.digest = ${digest})`;
const LACKED_MANIFESTS = sql<string>`(
  SELECT json_group_array(mc.child) FROM manifest_children mc
  WHERE rm.may_lack = 'nothing' AND mc.manifest_id = rm.manifest_id AND NOT ${isManifestHere(sql`mc.child`)}
  AND NOT EXISTS (
    SELECT 1 FROM manifest_blobs mb JOIN blobs b ON b.id = mb.blob_id
    WHERE mb.manifest_id = mc.manifest_id AND b.digest = mc.child))`;
const LACKED_BLOBS = sql<string>`(
  SELECT json_group_array(b.digest) FROM manifest_blobs mb JOIN blobs b ON b.id = mb.blob_id
  WHERE mb.manifest_id = rm.manifest_id AND (
    mb.named_as = 'part' AND rm.may_lack IN ('nothing', 'manifests')
    OR mb.named_as = 'child' AND rm.may_lack = 'nothing' AND NOT ${isManifestHere(sql`b.digest`)})
  AND NOT EXISTS (
    SELECT 1 FROM repository_blobs rb WHERE rb.repository_id = rm.repository_id AND rb.blob_id = mb.blob_id))`;

interface PartsRow extends ManifestRow {
  readonly lackedManifests: string;
  readonly lackedBlobs: string;
}

async function incompleteManifests(db: Database, page: ScanPage): Promise<Scan<IncompleteManifest>> {
  const [repository = 0, manifest = 0] = readCursor(page);
  const rows = await partsOf(
    db,
    sql`(rm.repository_id, rm.manifest_id) > (${repository}, ${manifest})
      ORDER BY rm.repository_id, rm.manifest_id LIMIT ${page.limit}`,
  );
  return scanOf(rows, page, { cursor: (row) => [row.repositoryId, row.id], found: readIncomplete });
}

async function incompleteManifest(db: Database, { repository, digest }: RepositoryDigest) {
  const [row] = await partsOf(db, sql`r.name = ${repository} AND m.digest = ${digest}`);
  return row && readIncomplete(row);
}

async function partsOf(db: Database, where: RawBuilder<unknown>): Promise<readonly PartsRow[]> {
  const { rows } = await sql<PartsRow>`
    SELECT ${MANIFEST_COLUMNS}, ${LACKED_MANIFESTS} AS lackedManifests, ${LACKED_BLOBS} AS lackedBlobs
    FROM ${MANIFEST_ROWS} WHERE ${where}`.execute(db);
  return rows;
}

async function danglingTags(db: Database, page: ScanPage): Promise<Scan<RepositoryTag>> {
  const [repository = '0', ...name] = page.after?.split('/') ?? [];
  const { rows } = await sql<RepositoryTag & { repositoryId: number; isFound: 0 | 1 }>`
    SELECT t.repository_id AS repositoryId, r.name AS repository, t.name AS tag, NOT EXISTS (
      SELECT 1 FROM repository_manifests rm JOIN manifests m ON m.id = rm.manifest_id
      WHERE rm.repository_id = t.repository_id AND rm.manifest_id = t.manifest_id) AS isFound
    FROM tags t JOIN repositories r ON r.id = t.repository_id
    WHERE (t.repository_id, t.name) > (${Number(repository)}, ${name.join('/')})
    ORDER BY t.repository_id, t.name LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, {
    cursor: ({ repositoryId, tag }) => [repositoryId, tag],
    found: ({ isFound, repository, tag }) => (isFound === 1 ? { repository, tag } : undefined),
  });
}

function readManifest({ repository, digest, mediaType, upstream, mayLack }: ManifestRow): HeldManifest {
  return { repository, digest, mediaType, upstream: upstream ?? undefined, mayLack: mayLack ?? undefined };
}

function readIncomplete(row: PartsRow): IncompleteManifest | undefined {
  const lackedManifests = JSON.parse(row.lackedManifests) as Digest[];
  const lackedBlobs = JSON.parse(row.lackedBlobs) as Digest[];
  if (lackedManifests.length + lackedBlobs.length === 0) return undefined;
  return { ...readManifest(row), lackedManifests, lackedBlobs };
}

function scanOf<Row, Found>(
  rows: readonly Row[],
  { limit }: ScanPage,
  read: { cursor(row: Row): readonly (number | string)[]; found(row: Row): Found | undefined },
): Scan<Found> {
  const last = rows.at(-1);
  return {
    found: rows.map((row) => read.found(row)).filter((found) => found !== undefined),
    next: last === undefined || rows.length < limit ? undefined : read.cursor(last).join('/'),
  };
}

function readCursor({ after }: ScanPage): readonly number[] {
  return after === undefined ? [] : after.split('/').map(Number);
}
