import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Awaitable } from '../../async/awaitable.ts';
import type { Clock } from '../../async/clock.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Manifest } from '../../oci/manifest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { GuardOptions } from '../../oci/tag-guard.ts';
import type { Inspection } from '../inspection.ts';
import type {
  EvictableManifest,
  EvictionRule,
  NewUpload,
  Pin,
  RepositoryDigest,
  RepositoryTag,
  ScanPage,
  TagHistoryLimits,
} from '../housekeeping.ts';
import type {
  BlobSize,
  ConfirmedTag,
  MetadataStore,
  NewManifest,
  Page,
  PutOptions,
  ReferrersPage,
} from '../metadata-store.ts';
import { addBlob, mountBlob, takeBlob } from './blobs.ts';
import { copyDatabase } from './copy-database.ts';
import { deleteManifest } from './delete-manifest.ts';
import * as eviction from './evict-manifests.ts';
import * as garbage from './garbage.ts';
import { HotPath } from './hot-path.ts';
import { sqliteInspection } from './inspection.ts';
import * as keeping from './keeping.ts';
import { LeaseMemory } from './lease-memory.ts';
import { listRepositories, manifestOrigin, referrers, repositoriesWith } from './lists.ts';
import { nodeSqliteDialect } from './node-sqlite-dialect.ts';
import type { LogFlush } from './log-flush.ts';
import { type Connections, IN_MEMORY, openConnections } from './open-metadata-database.ts';
import { Patience } from './patience.ts';
import { putManifest } from './put-manifest.ts';
import { repositoryId } from './repositories.ts';
import type { Database, Schema } from './schema.ts';
import { confirmTag, forgetTag, guardTags, listTags, tagConfirmedAt, tagHistory } from './tags.ts';
import { longTagHistories, trimTagHistory } from './trim-history.ts';
import * as uploads from './uploads.ts';

export interface SqliteMetadataOptions {
  readonly clock: Clock;
  /** For the bytes of manifests that are asked for again and again. */
  readonly cacheBytes?: number | undefined;
}

const CACHE_BYTES = 64 * 1024 * 1024;
const LEASE_SLACK_MS = 15 * 60_000;

/**
 * Rows in one SQLite file, DATA/metadata-v1/metadata.db, which several processes may have open. All writes go through
 * one connection, one transaction after the other; what every request asks goes past them, see hot-path.ts.
 */
export class SqliteMetadataStore implements MetadataStore {
  readonly inspection: Inspection;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #reader: DatabaseSync;
  readonly #writer: DatabaseSync;
  readonly #db: Database;
  readonly #hot: HotPath;
  readonly #leases = new LeaseMemory();
  /** `undefined` in memory. */
  readonly #log: LogFlush | undefined;

  private constructor({ reader, writer, log }: Connections, patience: Patience, options: SqliteMetadataOptions) {
    this.#clock = options.clock;
    this.#patience = patience;
    this.#reader = reader;
    this.#writer = writer;
    this.#log = log;
    this.#db = new Kysely<Schema>({ dialect: nodeSqliteDialect(writer) });
    this.#hot = new HotPath(reader, options.cacheBytes ?? CACHE_BYTES);
    this.inspection = sqliteInspection((work) => this.#query(work));
  }

  /**
   * Throws UsageError when the folder cannot be written, the file is damaged, or a newer Wharf wrote it. Nobody can
   * learn again what is in it, so a damaged file is left where it is.
   */
  static async open(dataFolder: string, options: SqliteMetadataOptions): Promise<SqliteMetadataStore> {
    return await SqliteMetadataStore.#open(path.join(dataFolder, 'metadata-v1', 'metadata.db'), options);
  }

  /** For tests, and gone when it is closed. */
  static async inMemory(options: SqliteMetadataOptions): Promise<SqliteMetadataStore> {
    return await SqliteMetadataStore.#open(IN_MEMORY, options);
  }

  static async #open(file: string, options: SqliteMetadataOptions): Promise<SqliteMetadataStore> {
    const patience = new Patience(options.clock, file);
    return await patience.run(async () => {
      if (file !== IN_MEMORY) mkdirSync(path.dirname(file), { recursive: true });
      return new SqliteMetadataStore(openConnections(file), patience, options);
    });
  }

  resolveTag(repository: RepositoryName, tag: Tag): Awaitable<Descriptor | undefined> {
    return this.#patience.read(() => this.#hot.resolveTag(repository, tag));
  }

  statManifest(repository: RepositoryName, digest: Digest): Awaitable<Descriptor | undefined> {
    return this.#patience.read(() => this.#hot.statManifest(repository, digest));
  }

  manifest(repository: RepositoryName, digest: Digest): Awaitable<Manifest | undefined> {
    return this.#patience.read(() => this.#hot.manifest(repository, digest));
  }

  holdsPushed(repository: RepositoryName): Awaitable<boolean> {
    return this.#patience.read(() => this.#hot.holdsPushed(repository));
  }

  statBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobSize | undefined> {
    return this.#patience.read(() => this.#hot.statBlob(repository, digest));
  }

  putManifest(repository: RepositoryName, manifest: NewManifest, options: PutOptions = {}) {
    return this.#keep((db) => putManifest(db, repository, manifest, { ...options, nowMs: this.#now() }));
  }

  deleteManifest(repository: RepositoryName, digest: Digest, options: GuardOptions = {}) {
    return this.#keep((db) => deleteManifest(db, repository, digest, { ...options, nowMs: this.#now() }));
  }

  deleteTag(repository: RepositoryName, tag: Tag, { guard }: GuardOptions = {}) {
    return this.#keep(async (db) => {
      const id = await repositoryId(db, repository);
      if (id === undefined) return false;
      await guardTags(db, guard, { repository: id, tags: [tag] });
      return await forgetTag(db, id, tag, this.#now());
    });
  }

  confirmTag(tag: ConfirmedTag) {
    return this.#write((db) => confirmTag(db, tag));
  }

  tagConfirmedAt(repository: RepositoryName, tag: Tag) {
    return this.#query((db) => tagConfirmedAt(db, repository, tag));
  }

  manifestOrigin(repository: RepositoryName, digest: Digest) {
    return this.#query((db) => manifestOrigin(db, repository, digest));
  }

  tagHistory(repository: RepositoryName, tag: Tag, limit: number) {
    return this.#query((db) => tagHistory(db, repository, tag, limit));
  }

  listTags(repository: RepositoryName, page: Page) {
    return this.#query((db) => listTags(db, repository, page));
  }

  listRepositories(page: Page) {
    return this.#query((db) => listRepositories(db, page));
  }

  referrers(repository: RepositoryName, subject: Digest, page: ReferrersPage) {
    return this.#query((db) => referrers(db, repository, subject, page));
  }

  addBlob(repository: RepositoryName, blob: BlobSize, upload?: string) {
    return this.#keep(async (db) => {
      await addBlob(db, repository, blob, this.#now());
      if (upload !== undefined) await uploads.endUpload(db, upload);
    });
  }

  mount(digest: Digest, from: RepositoryName, to: RepositoryName) {
    return this.#keep((db) => mountBlob(db, digest, { from, to, nowMs: this.#now() }));
  }

  repositoriesWith(digest: Digest, page: Page) {
    return this.#query((db) => repositoriesWith(db, digest, page));
  }

  deleteBlob(repository: RepositoryName, digest: Digest) {
    return this.#keep((db) => takeBlob(db, repository, digest));
  }

  beginUpload(upload: NewUpload) {
    return this.#write((db) => uploads.beginUpload(db, upload, this.#now()));
  }

  upload(id: string) {
    return this.#query((db) => uploads.uploadOf(db, id));
  }

  advanceUpload(id: string, from: number, to: number) {
    return this.#write((db) => uploads.advanceUpload(db, id, { from, to, nowMs: this.#now() }));
  }

  nameUpload(id: string, digest: Digest) {
    return this.#write((db) => uploads.nameUpload(db, id, { digest, nowMs: this.#now() }));
  }

  endUpload(id: string) {
    return this.#write((db) => uploads.endUpload(db, id));
  }

  endStaleUpload(id: string, before: number) {
    return this.#write((db) => uploads.endStaleUpload(db, id, before));
  }

  staleUploads(before: number, page: Page) {
    return this.#query((db) => uploads.staleUploads(db, before, page));
  }

  async lease(digests: readonly Digest[], until: number, { patienceMs }: { patienceMs?: number } = {}): Promise<void> {
    const due = digests.filter((digest) => !this.#leases.isHeld(digest, until));
    if (due.length === 0) return;
    await this.#write((db) => keeping.lease(db, due, until + LEASE_SLACK_MS), patienceMs);
    this.#leases.remember(due, until + LEASE_SLACK_MS);
  }

  forgetLeases(limit: number) {
    return this.#write((db) => keeping.forgetLeases(db, this.#now(), limit));
  }

  pin(pin: Pin) {
    return this.#keep((db) => keeping.pin(db, pin));
  }

  unpin(pin: Pin) {
    return this.#keep((db) => keeping.unpin(db, pin));
  }

  pinsOf(job: string, page: { last?: Pin | undefined; limit: number }) {
    return this.#query((db) => keeping.pinsOf(db, job, page));
  }

  markUsed(manifests: readonly RepositoryDigest[], at: number) {
    return this.#write((db) => keeping.markUsed(db, manifests, at));
  }

  evictableManifests(rule: EvictionRule, page: ScanPage) {
    return this.#query((db) => eviction.evictableManifests(db, rule, { page, nowMs: this.#now() }));
  }

  // Whoever frees their blobs has those forgotten first, and these are on disk with that.
  evictManifests(manifests: readonly EvictableManifest[], rule: EvictionRule, givenBefore: number) {
    return this.#write((db) => eviction.evictManifests(db, manifests, { rule, moment: this.#moment(givenBefore) }));
  }

  cachedBytes(page: ScanPage) {
    return this.#query((db) => eviction.cachedBytes(db, page));
  }

  unreferencedBlobs(before: number, page: ScanPage) {
    return this.#query((db) => garbage.unreferencedBlobs(db, this.#moment(before), page));
  }

  unnamedBlobs(before: number, page: ScanPage) {
    return this.#query((db) => garbage.unnamedBlobs(db, this.#moment(before), page));
  }

  untaggedManifests(before: number, page: ScanPage) {
    return this.#query((db) => garbage.untaggedManifests(db, this.#moment(before), page));
  }

  unknownBlobs(digests: readonly Digest[]) {
    return this.#query((db) => garbage.unknownBlobs(db, digests, this.#now()));
  }

  forgetBlobs(digests: readonly Digest[], before: number) {
    return this.#keep((db) => garbage.forgetBlobs(db, digests, this.#moment(before)));
  }

  forgetUnnamedBlobs(blobs: readonly RepositoryDigest[], before: number) {
    return this.#keep((db) => garbage.forgetUnnamedBlobs(db, blobs, this.#moment(before)));
  }

  forgetUntaggedManifests(manifests: readonly RepositoryDigest[], before: number) {
    return this.#keep(async (db) => {
      let forgotten = 0;
      for (const { repository, digest } of manifests) {
        const isGarbage = await garbage.isManifestUntagged(db, { repository, digest }, this.#moment(before));
        if (isGarbage && (await deleteManifest(db, repository, digest, { nowMs: this.#now() }))) forgotten += 1;
      }
      return forgotten;
    });
  }

  longTagHistories(keep: number, page: ScanPage) {
    return this.#query((db) => longTagHistories(db, keep, page));
  }

  trimTagHistory(tag: RepositoryTag, limits: TagHistoryLimits, limit: number) {
    return this.#write((db) => trimTagHistory(db, tag, limits, limit));
  }

  async rehearsal(): Promise<SqliteMetadataStore> {
    // Not while a transaction is being built up.
    const copyAlone = () => this.#db.connection().execute(async () => copyDatabase(this.#writer));
    const copy = await this.#patience.run(copyAlone);
    return new SqliteMetadataStore({ writer: copy, reader: copy }, this.#patience, { clock: this.#clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log?.[Symbol.asyncDispose]();
    // Who closes last brings the log home, which only a writer can.
    if (this.#reader !== this.#writer && this.#reader.isOpen) this.#reader.close();
    await this.#db.destroy();
    if (this.#writer.isOpen) this.#writer.close();
  }

  #query<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return this.#patience.run(() => work(this.#db));
  }

  /** For what somebody is told: it is on disk when that happens. */
  async #keep<T>(work: (db: Database) => Promise<T>): Promise<T> {
    const result = await this.#write(work);
    await this.#log?.flush().catch((error: unknown) => {
      throw this.#patience.say(error);
    });
    return result;
  }

  async #write<T>(work: (db: Database) => Promise<T>, patienceMs?: number): Promise<T> {
    try {
      return await this.#patience.run(() => this.#db.transaction().execute(work), patienceMs);
    } finally {
      this.#hot.forget();
    }
  }

  #moment(before: number): garbage.Moment {
    return { before, nowMs: this.#now() };
  }

  #now(): number {
    return this.#clock.now();
  }
}
