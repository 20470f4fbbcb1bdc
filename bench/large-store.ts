// A data folder as years of pushes leave it, made of rows and of empty files in a few minutes instead.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../src/async/clock.ts';
import { SqliteMetadataStore } from '../src/metadata/sqlite/sqlite-metadata-store.ts';
import { type Digest, digestOf } from '../src/oci/digest.ts';
import { MEDIA_TYPES } from '../src/oci/media-type.ts';

export interface StoreSize {
  readonly blobs: number;
  readonly tags: number;
}

export interface LargeStore extends StoreSize {
  /** Of the blobs, those that no manifest names. */
  readonly unnamed: number;
  /** Beside the blobs: bytes without a row. */
  readonly unknown: number;
  manifestPath(nth: number): string;
  /** Of a blob that a manifest names. */
  blobPath(nth: number): string;
  readonly named: number;
}

const REPOSITORIES = 1000;
const GARBAGE_SHARE = 0.05;
const BLOB_BYTES = 1_000_000;
const AGE_MS = 2 * 86_400_000;
const INSERTS = {
  repository: 'INSERT INTO repositories (id, name) VALUES (?, ?)',
  blob: 'INSERT INTO blobs (id, digest, size_bytes) VALUES (?, ?, ?)',
  given: 'INSERT INTO repository_blobs (repository_id, blob_id, given_at) VALUES (?, ?, ?)',
  manifest: 'INSERT INTO manifests (id, digest, size_bytes) VALUES (?, ?, ?)',
  bytes: 'INSERT INTO manifest_bytes (manifest_id, bytes) VALUES (?, ?)',
  names: 'INSERT INTO manifest_blobs (blob_id, manifest_id) VALUES (?, ?)',
  put: `INSERT INTO repository_manifests (repository_id, manifest_id, media_type, put_at, used_at)
    VALUES (?1, ?2, '${MEDIA_TYPES.ociImage}', ?3, ?3)`,
  tag: 'INSERT INTO tags (repository_id, name, manifest_id) VALUES (?, ?, ?)',
  move: 'INSERT INTO tag_moves (repository_id, name, digest, at) VALUES (?, ?, ?, ?)',
} as const;

const blobDigest = (nth: number) => digestOf(`blob ${nth}`);
const nameOf = (repository: number) => `team-${repository % 20}/app-${repository}`;

export async function fillLargeStore(dataFolder: string, { blobs, tags }: StoreSize): Promise<LargeStore> {
  const blobsATag = Math.floor((blobs * (1 - GARBAGE_SHARE)) / tags);
  const named = blobsATag * tags;
  const unknown = Math.floor(blobs * GARBAGE_SHARE);
  await (await SqliteMetadataStore.open(dataFolder, { clock: systemClock }))[Symbol.asyncDispose]();
  insertRows(dataFolder, { blobs, tags, blobsATag });
  writeFiles(dataFolder, blobs + unknown);
  const repositoryOf = (tag: number) => nameOf(tag % REPOSITORIES);
  return {
    blobs,
    tags,
    named,
    unnamed: blobs - named,
    unknown,
    manifestPath: (nth) => `/v2/${repositoryOf(nth)}/manifests/t${nth}`,
    blobPath: (nth) => `/v2/${repositoryOf(Math.floor(nth / blobsATag))}/blobs/${blobDigest(nth)}`,
  };
}

/** The blobs that manifests name come first, those of a manifest one after the other. */
function insertRows(dataFolder: string, { blobs, tags, blobsATag }: StoreSize & { blobsATag: number }): void {
  using database = new DatabaseSync(path.join(dataFolder, 'metadata-v1', 'metadata.db'));
  database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN');
  const insert = (what: keyof typeof INSERTS) => {
    const statement = database.prepare(INSERTS[what]);
    return (...values: readonly (string | number | Uint8Array)[]) => void statement.run(...values);
  };
  const at = Date.now() - AGE_MS;
  const [repository, blob, given] = [insert('repository'), insert('blob'), insert('given')];
  const putImage = imagePutter(insert, at);
  for (let nth = 0; nth < REPOSITORIES; nth += 1) repository(nth + 1, nameOf(nth));
  for (let nth = 0; nth < blobs; nth += 1) {
    blob(nth + 1, blobDigest(nth), BLOB_BYTES);
    given((Math.floor(nth / blobsATag) % REPOSITORIES) + 1, nth + 1, at);
  }
  for (let tag = 0; tag < tags; tag += 1) putImage(tag, tag * blobsATag, (tag + 1) * blobsATag);
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
}

type Insert = (what: keyof typeof INSERTS) => (...values: readonly (string | number | Uint8Array)[]) => void;

function imagePutter(insert: Insert, at: number): (tag: number, firstBlob: number, endBlob: number) => void {
  const [manifest, bytes, names] = [insert('manifest'), insert('bytes'), insert('names')];
  const [put, tag, move] = [insert('put'), insert('tag'), insert('move')];
  return (nth, firstBlob, endBlob) => {
    const [id, repository] = [nth + 1, (nth % REPOSITORIES) + 1];
    const digests = Array.from({ length: endBlob - firstBlob }, (_, index) => blobDigest(firstBlob + index));
    const content = imageOf(digests);
    const digest = digestOf(content);
    manifest(id, digest, content.byteLength);
    bytes(id, content);
    for (let blob = firstBlob; blob < endBlob; blob += 1) names(blob + 1, id);
    put(repository, id, at);
    tag(repository, `t${nth}`, id);
    move(repository, `t${nth}`, digest, at);
  };
}

function imageOf([config, ...layers]: readonly Digest[]): Buffer {
  const descriptor = (mediaType: string, digest: Digest | undefined) => ({ mediaType, digest, size: BLOB_BYTES });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociImage,
      config: descriptor(MEDIA_TYPES.ociConfig, config),
      layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
    }),
  );
}

function writeFiles(dataFolder: string, count: number): void {
  const root = path.join(dataFolder, 'blobs-v1', 'sha256');
  const digits = Array.from({ length: 256 }, (_, nth) => nth.toString(16).padStart(2, '0'));
  for (const one of digits) for (const two of digits) mkdirSync(path.join(root, one, two), { recursive: true });
  const at = (Date.now() - AGE_MS) / 1000;
  for (let nth = 0; nth < count; nth += 1) {
    const hex = blobDigest(nth).slice('sha256:'.length);
    const file = path.join(root, hex.slice(0, 2), hex.slice(2, 4), hex);
    writeFileSync(file, '', { mode: 0o444 });
    utimesSync(file, at, at);
  }
}
