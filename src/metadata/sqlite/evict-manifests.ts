// What came from an upstream and can be fetched again: which of it may go, and how large it is. As with garbage, the rule
// is written once, and asked both where manifests are listed and where they are deleted.
import { type RawBuilder, sql } from 'kysely';
import type { Digest } from '../../oci/digest.ts';
import type {
  CachedBytes,
  EvictableManifest,
  EvictedManifests,
  EvictionRule,
  RepositoryDigest,
  Scan,
  ScanPage,
} from '../housekeeping.ts';
import { deleteManifest } from './delete-manifest.ts';
import { type Moment, forgetUnnamedBlobs, isChild, isHeld, readCursor, scanOf } from './garbage.ts';
import { eachOf } from './repositories.ts';
import type { Database } from './schema.ts';

const MAX_ORPHANS = 1000;
const MAX_ABOVE = 100;

/** Of a row of repository_manifests. A CROSS JOIN is done in its order: a repository may have any number of pins. */
const isPinned = (row: RawBuilder<unknown>) => sql`EXISTS (
  SELECT 1 FROM tags t
  CROSS JOIN repositories r ON r.id = t.repository_id
  CROSS JOIN pins p ON p.tag = t.name AND p.repository = r.name
  WHERE t.manifest_id = ${row}.manifest_id AND t.repository_id = ${row}.repository_id)`;

const timeOf = (rule: EvictionRule) => (rule.order === 'use' ? sql`rm.used_at` : sql`rm.put_at`);

/** Of rows rm of repository_manifests and m of manifests. */
const mayGo = (rule: EvictionRule, nowMs: number) => sql<0 | 1>`(
  rm.upstream IS NOT NULL
  AND ${timeOf(rule)} < ${rule.before}
  AND rm.put_at < ${rule.putBefore ?? Number.MAX_SAFE_INTEGER}
  AND NOT ${isPinned(sql`rm`)}
  AND NOT ${isChild}
  AND NOT ${isHeld(sql`m.digest`, { nowMs })})`;

/** Of a row b of blobs, as the following. */
const isInRepository = sql`EXISTS (SELECT 1 FROM repository_blobs rb WHERE rb.blob_id = b.id)`;
const isNamed = sql`EXISTS (SELECT 1 FROM manifest_blobs mb WHERE mb.blob_id = b.id)`;
/**
 * Of a blob that manifests name: whether one of them stays, or is below an index that does. Who has more than so many
 * indexes above him counts as what goes.
 */
const isKept = sql`EXISTS (
  SELECT 1 FROM manifest_blobs mb
  CROSS JOIN repository_manifests rm ON rm.manifest_id = mb.manifest_id
  CROSS JOIN manifests m ON m.id = mb.manifest_id
  WHERE mb.blob_id = b.id AND (rm.upstream IS NULL OR ${isPinned(sql`rm`)} OR (${isChild} AND EXISTS (
    WITH RECURSIVE above (manifest_id, digest) AS (
      SELECT rm.manifest_id, m.digest
      UNION
      SELECT parent.id, parent.digest FROM above
      CROSS JOIN manifest_children mc ON mc.child = above.digest
      CROSS JOIN manifests parent ON parent.id = mc.manifest_id
      CROSS JOIN repository_manifests rp ON rp.repository_id = rm.repository_id AND rp.manifest_id = parent.id
      LIMIT ${MAX_ABOVE})
    SELECT 1 FROM above
    CROSS JOIN repository_manifests kept
      ON kept.repository_id = rm.repository_id AND kept.manifest_id = above.manifest_id
    WHERE kept.upstream IS NULL OR ${isPinned(sql`kept`)}))))`;
const staysAnything = sql`(
  EXISTS (SELECT 1 FROM pins) OR EXISTS (SELECT 1 FROM repository_manifests WHERE upstream IS NULL))`;

interface ManifestRow extends EvictableManifest {
  readonly repository_id: number;
  readonly id: number;
  readonly garbage: 0 | 1;
}

const found = ({ repository, digest, atMs }: ManifestRow): EvictableManifest => ({ repository, digest, atMs });

export async function evictableManifests(
  db: Database,
  rule: EvictionRule,
  { page, nowMs }: { readonly page: ScanPage; readonly nowMs: number },
): Promise<Scan<EvictableManifest>> {
  const [at = Number.MIN_SAFE_INTEGER, repository = 0, manifest = 0] = readCursor(page);
  const time = timeOf(rule);
  const { rows } = await sql<ManifestRow>`
    SELECT ${time} AS atMs, rm.repository_id, m.id, r.name AS repository, m.digest, ${mayGo(rule, nowMs)} AS garbage
    FROM repository_manifests rm
    JOIN manifests m ON m.id = rm.manifest_id
    JOIN repositories r ON r.id = rm.repository_id
    WHERE rm.upstream IS NOT NULL AND ${time} < ${rule.before}
      AND (${time}, rm.repository_id, rm.manifest_id) > (${at}, ${repository}, ${manifest})
    ORDER BY ${time}, rm.repository_id, rm.manifest_id LIMIT ${page.limit}`.execute(db);
  return scanOf(rows, page, { cursor: (row) => [row.atMs, row.repository_id, row.id], found });
}

/** To be called in a transaction. */
export async function evictManifests(
  db: Database,
  manifests: readonly EvictableManifest[],
  { rule, moment }: { readonly rule: EvictionRule; readonly moment: Moment },
): Promise<EvictedManifests> {
  let evicted = 0;
  const children: RepositoryDigest[] = [];
  const named = new Map<Digest, number>();
  for (const { repository, digest, atMs } of manifests) {
    const [row] = await rowsOf(db, [{ repository, digest }], { rule, moment });
    if (row === undefined || row.atMs > atMs) continue;
    evicted += 1;
    const blobs = await blobsOf(db, row.id);
    for (const blob of blobs) named.set(blob.digest, Math.max(blob.sizeBytes, named.get(blob.digest) ?? 0));
    const orphaned = await childrenOf(db, row.id, MAX_ORPHANS - children.length);
    children.push(...orphaned.map((child) => ({ repository, digest: child })));
    await sql`DELETE FROM tags WHERE manifest_id = ${row.id} AND repository_id = ${row.repository_id}`.execute(db);
    await deleteManifest(db, repository, digest, moment);
    const inRepository = blobs.map((blob) => ({ repository, digest: blob.digest }));
    await forgetUnnamedBlobs(db, inRepository, moment);
  }
  const gone = await goneOf(db, [...named.keys()]);
  return {
    manifests: evicted,
    orphans: (await rowsOf(db, children, { rule, moment })).map(found),
    blobs: gone.filter(({ isNamed }) => isNamed === 0).map(({ digest }) => digest),
    sizeBytes: gone.reduce((sum, { digest }) => sum + (named.get(digest) ?? 0), 0),
  };
}

export async function cachedBytes(db: Database, page: ScanPage): Promise<CachedBytes> {
  const [after = 0] = readCursor(page);
  // Where nothing stays, no blob is asked for its manifests one by one.
  const { rows } = await sql<{ last: number | null; looked: number; sizeBytes: number | null }>`
    SELECT max(id) AS last, count(*) AS looked, sum(CASE WHEN isCached THEN size_bytes END) AS sizeBytes FROM (
      SELECT b.id, b.size_bytes,
        ${isInRepository} AND ${isNamed} AND NOT (${staysAnything} AND ${isKept}) AS isCached
      FROM blobs b WHERE b.id > ${after} ORDER BY b.id LIMIT ${page.limit})`.execute(db);
  const { last, looked, sizeBytes } = rows[0] ?? { last: null, looked: 0, sizeBytes: null };
  return { sizeBytes: sizeBytes ?? 0, next: last === null || looked < page.limit ? undefined : String(last) };
}

/** Those of the manifests that may go. */
async function rowsOf(
  db: Database,
  manifests: readonly RepositoryDigest[],
  { rule, moment }: { readonly rule: EvictionRule; readonly moment: Moment },
): Promise<readonly ManifestRow[]> {
  if (manifests.length === 0) return [];
  const pairs = eachOf(manifests.map(({ repository, digest }) => [repository, digest]));
  const { rows } = await sql<ManifestRow>`
    SELECT DISTINCT ${timeOf(rule)} AS atMs, rm.repository_id, m.id, r.name AS repository, m.digest
    FROM ${pairs}
    JOIN repositories r ON r.name = value ->> 0
    JOIN manifests m ON m.digest = value ->> 1
    JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.manifest_id = m.id
    WHERE ${mayGo(rule, moment.nowMs)}
    ORDER BY atMs, rm.repository_id, m.id`.execute(db);
  return rows;
}

/** With no size where they are in no repository. */
async function blobsOf(db: Database, manifest: number) {
  const { rows } = await sql<{ digest: Digest; sizeBytes: number }>`
    SELECT b.digest, CASE WHEN ${isInRepository} THEN b.size_bytes ELSE 0 END AS sizeBytes
    FROM manifest_blobs mb JOIN blobs b ON b.id = mb.blob_id WHERE mb.manifest_id = ${manifest}`.execute(db);
  return rows;
}

async function childrenOf(db: Database, manifest: number, limit: number): Promise<readonly Digest[]> {
  const { rows } = await sql<{ child: Digest }>`
    SELECT child FROM manifest_children WHERE manifest_id = ${manifest} LIMIT ${limit}`.execute(db);
  return rows.map(({ child }) => child);
}

/** Those that are no part of the cache any more, and were. */
async function goneOf(db: Database, digests: readonly Digest[]) {
  const { rows } = await sql<{ digest: Digest; isNamed: 0 | 1 }>`
    SELECT b.digest, ${isNamed} AS isNamed FROM ${eachOf(digests)} JOIN blobs b ON b.digest = value
    WHERE NOT (${isNamed} AND (${isInRepository} OR ${isKept}))`.execute(db);
  return rows;
}
