// What every request asks, without Kysely and without waiting: prepared statements on a connection that only reads, so
// that a transaction which is being built up is never seen.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf } from '../../oci/digest.ts';
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

const PUSHED = `
  SELECT 1 FROM repositories r
  JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.upstream IS NULL
  WHERE r.name = ?1 LIMIT 1`;

export class HotPath {
  readonly #version: StatementSync;
  readonly #tag: StatementSync;
  readonly #manifest: StatementSync;
  readonly #bytes: StatementSync;
  readonly #blob: StatementSync;
  readonly #pushed: StatementSync;
  readonly #bytesByDigest: ByteBoundedCache<Digest>;
  /** Answers by repository and reference, true as long as nobody wrote. */
  readonly #remembered = new Map<string, Descriptor>();
  readonly #rememberedPushed = new Map<RepositoryName, boolean>();
  #rememberedVersion: unknown;
  #hasLooked = false;

  constructor(reader: DatabaseSync, cacheBytes: number) {
    this.#version = reader.prepare('PRAGMA data_version');
    this.#tag = reader.prepare(TAG);
    this.#manifest = reader.prepare(MANIFEST);
    this.#bytes = reader.prepare(BYTES);
    this.#blob = reader.prepare(BLOB);
    this.#pushed = reader.prepare(PUSHED);
    this.#bytesByDigest = new ByteBoundedCache(cacheBytes);
  }

  /** To be called after each write of this process: a connection does not notice what it wrote itself. */
  forget(): void {
    this.#remembered.clear();
    this.#rememberedPushed.clear();
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

  /** Asked for each name of the default upstream, so what is not there is remembered, too. */
  holdsPushed(repository: RepositoryName): boolean {
    this.#lookForWrites();
    const known = this.#rememberedPushed.get(repository);
    if (known !== undefined) return known;
    const holds = this.#pushed.get(repository) !== undefined;
    if (this.#rememberedPushed.size >= MAX_REMEMBERED) this.#rememberedPushed.clear();
    this.#rememberedPushed.set(repository, holds);
    return holds;
  }

  statBlob(repository: RepositoryName, digest: Digest): BlobSize | undefined {
    const row = this.#blob.get(repository, digest);
    return row && { digest, sizeBytes: Number(row['size_bytes']) };
  }

  // What was not found is not remembered: there is no end of what can be asked for.
  #answer(key: string, read: () => Record<string, unknown> | undefined): Descriptor | undefined {
    this.#lookForWrites();
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const row = read();
    if (row === undefined) return undefined;
    const { digest, media_type: mediaType, size_bytes: size } = row;
    const descriptor = { digest: digest as Digest, mediaType: String(mediaType), size: Number(size) };
    this.#remembered.set(key, descriptor);
    return descriptor;
  }

  // A look costs as much as all else together. Whoever is served in one turn of the event loop asked before it began, so
  // one look a turn is enough.
  #lookForWrites(): void {
    if (this.#hasLooked) return;
    this.#hasLooked = true;
    setImmediate(() => (this.#hasLooked = false));
    const version = this.#version.get()?.['data_version'];
    if (version !== this.#rememberedVersion || this.#remembered.size >= MAX_REMEMBERED) this.forget();
    this.#rememberedVersion = version;
  }

  #readBytes(digest: Digest): Uint8Array | undefined {
    const bytes = this.#bytes.get(digest)?.['bytes'];
    // Damaged bytes are none.
    if (!(bytes instanceof Uint8Array) || digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
    this.#bytesByDigest.set(digest, bytes);
    return bytes;
  }
}
