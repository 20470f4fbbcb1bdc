// A store to be checked: content that is pushed to it or copied from an upstream, and an upstream to repair it from.
import { DatabaseSync } from 'node:sqlite';
import type { BlobStore } from '../../src/content/blob-store.ts';
import { FilesystemBlobStore } from '../../src/content/filesystem/filesystem-blob-store.ts';
import { MemoryBlobStore } from '../../src/content/memory.ts';
import { SqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { OciError } from '../../src/oci/errors.ts';
import { type RepositoryName, parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import type { Source } from '../../src/oci/repository.ts';
import type { Finding } from '../../src/store/check-finding.ts';
import { type CheckOptions, type CheckTotals, checkStore } from '../../src/store/check-store.ts';
import { type RepairParts, Repairs } from '../../src/store/repair-content.ts';
import { StoredRegistry } from '../../src/store/stored-registry.ts';
import { StoredTargets } from '../../src/store/stored-target.ts';
import { type Graph, blobsOf, manifestsOf } from './image-graph.ts';
import { TemporaryMetadata } from './metadata/temporary-metadata.ts';

export const UPSTREAM = 'docker.io';

export interface Checked {
  readonly totals: CheckTotals;
  readonly findings: readonly Finding[];
}

export class CheckWorld implements AsyncDisposable {
  readonly metadata: SqliteMetadataStore;
  readonly content: BlobStore;
  readonly #temporary: TemporaryMetadata;
  readonly #registry: StoredRegistry;
  readonly #upstream = new Map<RepositoryName, Graph[]>();
  /** What the upstream was asked for. */
  readonly asked: string[] = [];

  private constructor(temporary: TemporaryMetadata, metadata: SqliteMetadataStore, content: BlobStore) {
    this.#temporary = temporary;
    this.metadata = metadata;
    this.content = content;
    this.#registry = new StoredRegistry({ metadata, content, now: this.now });
  }

  /** Files in a folder, which can be damaged. */
  static async onDisk(): Promise<CheckWorld> {
    const temporary = new TemporaryMetadata();
    const content = await FilesystemBlobStore.open(temporary.dataFolder, { now: () => temporary.clock.now() });
    return new CheckWorld(temporary, await temporary.open(), content);
  }

  /** For many of them; `blobs` can be damaged. */
  static async inMemory(blobs = new Map<Digest, Uint8Array>()): Promise<CheckWorld> {
    const temporary = new TemporaryMetadata();
    const { clock } = temporary;
    const content = new MemoryBlobStore({ now: () => clock.now(), blobs });
    return new CheckWorld(temporary, await SqliteMetadataStore.inMemory({ clock }), content);
  }

  readonly now = (): number => this.#temporary.clock.now();

  get dataFolder(): string {
    return this.#temporary.dataFolder;
  }

  async push(name: string, graph: Graph, ...tags: readonly string[]): Promise<void> {
    await this.#put(undefined, parseRepositoryName(name), graph, tags);
  }

  /** As a sync does; the upstream has it under the same name. */
  async copy(name: string, graph: Graph, ...tags: readonly string[]): Promise<void> {
    const repository = parseRepositoryName(name);
    this.#upstream.set(repository, [...(this.#upstream.get(repository) ?? []), graph]);
    await this.#put(UPSTREAM, repository, graph, tags);
  }

  /** The upstream has nothing of it any more. */
  loseUpstream(): void {
    this.#upstream.clear();
  }

  async check(options: Partial<CheckOptions> = {}): Promise<Checked> {
    const findings: Finding[] = [];
    const { metadata, content } = this;
    const totals = await checkStore(
      { metadata, content, inspection: metadata.inspection },
      {
        seed: 'seed',
        ...options,
        onEvent: (event) => {
          if (event.type === 'found') findings.push(event.finding);
          options.onEvent?.(event);
        },
      },
    );
    return { totals, findings };
  }

  async repair(): Promise<Checked> {
    return await this.check({ repairs: this.repairs() });
  }

  repairs(): Repairs {
    const source: RepairParts['source'] = {
      repository: (name, upstream) => (upstream === UPSTREAM ? this.#sourceOf(name) : undefined),
    };
    return new Repairs({ metadata: this.metadata, content: this.content, now: this.now, source });
  }

  /** Changes the rows of the store as nobody should. */
  tamper(statement: string, ...values: readonly (string | Uint8Array)[]): void {
    using database = new DatabaseSync(this.#temporary.file);
    if (database.prepare(statement).run(...values).changes === 0) throw new Error(`nothing is changed by ${statement}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await this.#temporary[Symbol.asyncDispose]();
  }

  async #put(upstream: string | undefined, name: RepositoryName, graph: Graph, tags: readonly string[]) {
    const { metadata, content, now } = this;
    const targets = new StoredTargets({ registry: this.#registry, metadata, content, now, upstream });
    const target = targets.repository(name);
    for (const { digest, sizeBytes, parts } of blobsOf(graph)) {
      const descriptor = { mediaType: 'application/octet-stream', digest, size: sizeBytes };
      await target.push(descriptor, async () => ReadableStream.from<Uint8Array>(parts));
    }
    for (const manifest of manifestsOf(graph)) await target.put(manifest, []);
    await target.put(graph.manifest, tags.map(parseTag));
  }

  #sourceOf(name: RepositoryName): Source {
    const graphs = this.#upstream.get(name) ?? [];
    const refuse = (what: string) => Promise.reject(new OciError('BLOB_UNKNOWN', `${name} has no ${what} upstream`));
    return {
      resolve: refuse,
      statBlob: refuse,
      manifest: async (digest) => {
        this.asked.push(`manifest ${digest}`);
        return graphs.flatMap(manifestsOf).find((one) => one.digest === digest) ?? (await refuse(digest));
      },
      blob: async (digest) => {
        this.asked.push(`blob ${digest}`);
        const blob = graphs.flatMap(blobsOf).find((one) => one.digest === digest) ?? (await refuse(digest));
        return { sizeBytes: blob.sizeBytes, body: ReadableStream.from<Uint8Array>(blob.parts) };
      },
    };
  }
}
