// What every request asks, without Kysely and without waiting: prepared statements on a connection that only reads, so
// that a transaction which is being built up is never seen.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Manifest } from '../../oci/manifest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { BlobSize } from '../metadata-store.ts';
import { ByteBoundedCache } from './byte-bounded-cache.ts';

const MAX_REMEMBERED = 100_000;

const TAG = `
  SELECT m.digest, m.size_bytes, rm.media_type
  FROM repositories r
  JOIN tags t ON t.repository_id = r.id AND t.name = ?2
  JOIN manifests m ON m.id = t.manifest_id
  JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.manifest_id = m.id
  WHERE r.name = ?1`;
const MANIFEST = `
  SELECT m.digest, m.size_bytes, rm.media_type
  FROM repositories r
  JOIN manifests m ON m.digest = ?2
  JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.manifest_id = m.id
  WHERE r.name = ?1`;
const BYTES = 'SELECT b.bytes FROM manifests m JOIN manifest_bytes b ON b.manifest_id = m.id WHERE m.digest = ?';
const BLOB = `
  SELECT b.size_bytes
  FROM repositories r
  JOIN blobs b ON b.digest = ?2
  JOIN repository_blobs rb ON rb.repository_id = r.id AND rb.blob_id = b.id
  WHERE r.name = ?1`;

export class HotPath {
  readonly #version: StatementSync;
  readonly #tag: StatementSync;
  readonly #manifest: StatementSync;
  readonly #bytes: StatementSync;
  readonly #blob: StatementSync;
  readonly #bytesByDigest: ByteBoundedCache<Digest>;
  /** Answers by repository and reference, true as long as nobody wrote. */
  readonly #remembered = new Map<string, Descriptor>();
  #rememberedVersion: unknown;

  constructor(reader: DatabaseSync, cacheBytes: number) {
    this.#version = reader.prepare('PRAGMA data_version');
    this.#tag = reader.prepare(TAG);
    this.#manifest = reader.prepare(MANIFEST);
    this.#bytes = reader.prepare(BYTES);
    this.#blob = reader.prepare(BLOB);
    this.#bytesByDigest = new ByteBoundedCache(cacheBytes);
  }

  /** To be called after each write of this process: a connection does not notice what it wrote itself. */
  forget(): void {
    this.#remembered.clear();
  }

  resolveTag(repository: RepositoryName, tag: Tag): Descriptor | undefined {
    return this.#answer(`${repository}:${tag}`, () => this.#tag.get(repository, tag));
  }

  statManifest(repository: RepositoryName, digest: Digest): Descriptor | undefined {
    return this.#answer(`${repository}@${digest}`, () => this.#manifest.get(repository, digest));
  }

  manifest(repository: RepositoryName, digest: Digest): Manifest | undefined {
    const descriptor = this.statManifest(repository, digest);
    const bytes = descriptor && (this.#bytesByDigest.get(digest) ?? this.#readBytes(digest));
    return bytes && { digest, mediaType: descriptor.mediaType, bytes };
  }

  statBlob(repository: RepositoryName, digest: Digest): BlobSize | undefined {
    const row = this.#blob.get(repository, digest);
    return row && { digest, sizeBytes: Number(row['size_bytes']) };
  }

  // What was not found is not remembered: there is no end of what can be asked for.
  #answer(key: string, read: () => Record<string, unknown> | undefined): Descriptor | undefined {
    const version = this.#version.get()?.['data_version'];
    if (version !== this.#rememberedVersion || this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#rememberedVersion = version;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const row = read();
    if (row === undefined) return undefined;
    const { digest, media_type: mediaType, size_bytes: size } = row;
    const descriptor = { digest: digest as Digest, mediaType: String(mediaType), size: Number(size) };
    this.#remembered.set(key, descriptor);
    return descriptor;
  }

  #readBytes(digest: Digest): Uint8Array | undefined {
    const bytes = this.#bytes.get(digest)?.['bytes'];
    if (!(bytes instanceof Uint8Array)) return undefined;
    this.#bytesByDigest.set(digest, bytes);
    return bytes;
  }
}
