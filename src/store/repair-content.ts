// Brings back what a store lost, from where it came: blobs cost no pull, and manifests one each. What comes is hashed
// before it is kept, as everything is.
import type { BlobStore } from '../content/blob-store.ts';
import type { HeldManifest, IncompleteManifest } from '../metadata/inspection.ts';
import type { MetadataStore, NewManifest, PutOptions } from '../metadata/metadata-store.ts';
import { type Digest, algorithmOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import { newManifest } from './new-manifest.ts';

/** Where the content of our repositories came from. */
export interface RepairSource {
  /** The upstream's repository that ours is a copy of; `undefined` when that cannot be told any more. */
  repository(name: RepositoryName, upstream: string): Source | undefined;
}

export interface RepairParts {
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  readonly source: RepairSource;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A repository of ours, and the one that it is a copy of. */
interface Copied extends Call {
  readonly repository: RepositoryName;
  readonly upstream: string;
  readonly source: Source;
}

/** As for any blob that is on its way. */
const LEASE_MS = 3_600_000;
/** Indexes of indexes exist; deeper than this is an attack. */
const MAX_DEPTH = 4;

export class Repairs {
  readonly #parts: RepairParts;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  sourceOf(repository: RepositoryName, upstream: string): Source | undefined {
    return this.#parts.source.repository(repository, upstream);
  }

  /** Whether a sound copy came back out of the trash; a wrong one goes to the quarantine. */
  async restoreBlob(digest: Digest): Promise<boolean> {
    const { content } = this.#parts;
    return (await content.restore(digest)) && !(await content.quarantine(digest));
  }

  /** Its bytes, for whichever repositories may have them already. Gives their number. */
  async fetchBlob(digest: Digest, source: Source, { signal }: Call): Promise<number> {
    const { metadata, content, now } = this.#parts;
    // Leased before and after, so that it is nobody's garbage in between, however long it takes.
    await metadata.lease([digest], now() + LEASE_MS);
    const { body } = await source.blob(digest, { signal });
    await using ingest = await content.begin(algorithmOf(digest));
    try {
      for await (const bytes of body) await ingest.append(bytes);
    } catch (error) {
      await ingest.abort();
      throw error;
    }
    const { sizeBytes } = ingest;
    await metadata.lease([digest], now() + LEASE_MS);
    await ingest.commit(digest);
    return sizeBytes;
  }

  /** A manifest whose bytes are lost; its repository then has what it needs to have of what the manifest names. */
  async refetchManifest({ digest, mediaType, mayLack = 'anything' }: HeldManifest, copied: Copied): Promise<void> {
    const manifest = await copied.source.manifest(digest, copied);
    await this.#put({ ...manifest, mediaType }, mayLack, copied, 0);
  }

  /** What a manifest names and its repository lacks. */
  async complete({ lackedBlobs, lackedManifests }: IncompleteManifest, copied: Copied): Promise<void> {
    for (const digest of lackedBlobs) await this.#giveBlob(digest, copied);
    for (const digest of lackedManifests) await this.#giveManifest(digest, copied, 1);
  }

  async #put(manifest: Manifest, mayLack: PutOptions['mayLack'], copied: Copied, depth: number): Promise<void> {
    const { repository, upstream } = copied;
    const wanted = newManifest(manifest, readManifest(manifest.bytes).content);
    await this.#giveParts(wanted, mayLack, copied, depth);
    await this.#parts.metadata.putManifest(repository, wanted, { upstream, mayLack });
  }

  async #giveParts(
    { blobs, manifests }: NewManifest,
    mayLack: PutOptions['mayLack'],
    copied: Copied,
    depth: number,
  ): Promise<void> {
    if (mayLack === 'anything') return;
    for (const { digest, as } of blobs) if (as === 'part') await this.#giveBlob(digest, copied);
    if (mayLack === 'manifests') return;
    const kinds = new Map(blobs.map(({ digest, as }) => [digest, as]));
    for (const digest of manifests) {
      if (kinds.get(digest) === 'child') await this.#giveChildBlob(digest, copied);
      else await this.#giveManifest(digest, copied, depth + 1);
    }
  }

  async #giveManifest(digest: Digest, copied: Copied, depth: number): Promise<void> {
    const { repository, source } = copied;
    if (depth > MAX_DEPTH) throw new OciError('MANIFEST_INVALID', 'indexes nest too deep');
    if ((await this.#parts.metadata.statManifest(repository, digest)) !== undefined) return;
    await this.#put(await source.manifest(digest, copied), 'nothing', copied, depth);
  }

  /** Unless it is here as a manifest. */
  async #giveChildBlob(digest: Digest, copied: Copied): Promise<void> {
    if ((await this.#parts.metadata.statManifest(copied.repository, digest)) !== undefined) return;
    await this.#giveBlob(digest, copied);
  }

  /** Another repository's copy does: the manifest that names the blob came from the same place. */
  async #giveBlob(digest: Digest, copied: Copied): Promise<void> {
    const { metadata, content, now } = this.#parts;
    const { repository, source } = copied;
    if ((await metadata.statBlob(repository, digest)) !== undefined) return;
    await metadata.lease([digest], now() + LEASE_MS);
    const [holder] = await metadata.repositoriesWith(digest, { limit: 1 });
    const isHere = holder !== undefined && (await content.stat(digest)) !== undefined;
    if (isHere && (await metadata.mount(digest, holder, repository))) return;
    await metadata.addBlob(repository, { digest, sizeBytes: await this.fetchBlob(digest, source, copied) });
  }
}
