// One repository of an upstream as the /v2 API serves it: out of our store, and into it. It fits the port of
// http/distribution by its shape and does not import it: folders know only those below them.
import type { Awaitable } from '../async/awaitable.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Manifest, ManifestContent } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import type { GuardOptions } from '../oci/tag-guard.ts';
import type { BlobBytes, InclusiveRange } from '../store/blob-bytes.ts';
import type { Page } from '../store/row-page.ts';
import type { StoredRepository, UploadChunk, UploadStatus } from '../store/stored-repository.ts';
import type { PulledBlobs } from './pulled-blobs.ts';
import type { PulledLists } from './pulled-lists.ts';
import type { PullCall, PulledDescriptor, PulledManifest, PulledManifests } from './pulled-manifests.ts';

interface PulledRepositoryParts {
  /** The repository in our store: who fills it from elsewhere writes there. */
  readonly stored: StoredRepository;
  readonly manifests: Pick<PulledManifests, 'resolve' | 'manifest' | 'forget'>;
  readonly blobs: Pick<PulledBlobs, 'stat' | 'sizeOf' | 'open'>;
  readonly lists: Pick<PulledLists, 'tags' | 'referrers'>;
}

export class PulledRepository {
  readonly #parts: PulledRepositoryParts;

  constructor(parts: PulledRepositoryParts) {
    this.#parts = parts;
  }

  resolve(reference: Tag | Digest, call: PullCall): Awaitable<PulledDescriptor> {
    return this.#parts.manifests.resolve(reference, call);
  }

  manifest(reference: Tag | Digest, call: PullCall): Awaitable<PulledManifest> {
    return this.#parts.manifests.manifest(reference, call);
  }

  async listTags({ after = '' as Tag, limit }: Page<Tag>): Promise<readonly Tag[]> {
    const tags = await this.#parts.lists.tags();
    const start = firstAfter(tags, after);
    return tags.slice(start, start + limit);
  }

  async *referrers(
    subject: Digest,
    { artifactType, after = '' }: { readonly artifactType?: string | undefined; readonly after?: string | undefined },
  ): AsyncGenerator<Descriptor> {
    for (const referrer of await this.#parts.lists.referrers(subject)) {
      const isWanted = artifactType === undefined || referrer.artifactType === artifactType;
      if (isWanted && referrer.digest > after) yield referrer;
    }
  }

  async statBlob(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    return await this.#parts.blobs.stat(digest);
  }

  async sizeOfBlob(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    return await this.#parts.blobs.sizeOf(digest);
  }

  async openBlob(digest: Digest, range: InclusiveRange | undefined, call: Call): Promise<BlobBytes> {
    return await this.#parts.blobs.open(digest, range, call);
  }

  /** By who fills the repository from elsewhere. What he leaves out, as the upstream has it, is fetched when it is asked for. */
  async putManifest(
    manifest: Manifest,
    content: ManifestContent,
    tags: readonly Tag[],
    guarded: GuardOptions,
  ): Promise<void> {
    await this.#parts.stored.putManifest(manifest, content, tags, guarded);
  }

  /** Only here: what the upstream has comes back when it is asked for. */
  async deleteTag(tag: Tag, guarded: GuardOptions): Promise<void> {
    this.#parts.manifests.forget(tag);
    await this.#parts.stored.deleteTag(tag, guarded);
  }

  async deleteManifest(digest: Digest): Promise<void> {
    await this.#parts.stored.deleteManifest(digest);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    await this.#parts.stored.deleteBlob(digest);
  }

  async mountBlob(digest: Digest, from: RepositoryName | undefined): Promise<boolean> {
    return await this.#parts.stored.mountBlob(digest, from);
  }

  async beginUpload(algorithm: 'sha256' | 'sha512'): Promise<UploadStatus> {
    return await this.#parts.stored.beginUpload(algorithm);
  }

  async upload(id: string): Promise<UploadStatus> {
    return await this.#parts.stored.upload(id);
  }

  async appendToUpload(id: string, chunk: UploadChunk): Promise<UploadStatus> {
    return await this.#parts.stored.appendToUpload(id, chunk);
  }

  async finishUpload(id: string, digest: Digest, chunk: UploadChunk): Promise<void> {
    await this.#parts.stored.finishUpload(id, digest, chunk);
  }

  async cancelUpload(id: string): Promise<void> {
    await this.#parts.stored.cancelUpload(id);
  }
}

/** In a list in byte order. */
function firstAfter(sorted: readonly string[], after: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
