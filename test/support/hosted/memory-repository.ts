import type { ByteRange } from '../../../src/http/distribution/byte-range.ts';
import type {
  GuardedCall,
  HostedRepository,
  OpenBlob,
  Page,
  ReferrersFilter,
} from '../../../src/http/distribution/hosted-repository.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { type Digest, isDigest } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import type { Manifest, ManifestContent } from '../../../src/oci/manifest.ts';
import { isForeignLayerType } from '../../../src/oci/media-type.ts';
import type { RepositoryName, Tag } from '../../../src/oci/reference.ts';
import { MemoryUploads } from './memory-uploads.ts';

interface Stored extends Manifest {
  readonly content: ManifestContent;
}

interface Surroundings {
  readonly immutableTags: RegExp | undefined;
  readonly siblings: () => Iterable<MemoryRepository>;
}

export class MemoryRepository extends MemoryUploads implements HostedRepository {
  readonly name: RepositoryName;
  readonly #surroundings: Surroundings;
  readonly #manifests = new Map<Digest, Stored>();
  readonly #tags = new Map<Tag, Digest>();

  constructor(name: RepositoryName, surroundings: Surroundings) {
    super();
    this.name = name;
    this.#surroundings = surroundings;
  }

  get exists(): boolean {
    return this.blobs.size > 0 || this.#manifests.size > 0;
  }

  resolve(reference: Tag | Digest): Descriptor {
    const digest = isDigest(reference) ? reference : this.#tags.get(reference);
    const { mediaType, bytes } = this.#stored(digest, reference);
    return { digest: digest as Digest, mediaType, size: bytes.byteLength };
  }

  manifest(reference: Tag | Digest): Manifest {
    return this.#stored(isDigest(reference) ? reference : this.#tags.get(reference), reference);
  }

  putManifest(manifest: Manifest, content: ManifestContent, tags: readonly Tag[], { guard }: GuardedCall): void {
    for (const tag of tags) guard?.({ tag, from: this.#tags.get(tag), to: manifest.digest });
    for (const tag of tags) if (this.#tags.get(tag) !== manifest.digest) this.#checkMayMove(tag);
    const missing = this.#partsOf(content).filter((digest) => !this.blobs.has(digest) && !this.#manifests.has(digest));
    if (missing.length > 0) throw new OciError('MANIFEST_BLOB_UNKNOWN', `${missing.join(', ')} was not pushed`);
    this.#manifests.set(manifest.digest, { ...manifest, content });
    for (const tag of tags) this.#tags.set(tag, manifest.digest);
  }

  deleteTag(tag: Tag, { guard }: GuardedCall): void {
    guard?.({ tag, from: this.#tags.get(tag), to: undefined });
    this.#stored(this.#tags.get(tag), tag);
    this.#checkMayMove(tag);
    this.#tags.delete(tag);
  }

  deleteManifest(digest: Digest): void {
    this.#stored(digest, digest);
    const tags = [...this.#tags].filter(([, target]) => target === digest).map(([tag]) => tag);
    for (const tag of tags) this.#checkMayMove(tag);
    for (const tag of tags) this.#tags.delete(tag);
    this.#manifests.delete(digest);
  }

  listTags({ after, limit }: Page<Tag>): readonly Tag[] {
    this.#checkExists();
    const tags = [...this.#tags.keys()].filter((tag) => after === undefined || tag > after);
    return tags.toSorted().slice(0, limit);
  }

  referrers(subject: Digest, { artifactType, after }: ReferrersFilter): readonly Descriptor[] {
    return [...this.#manifests.values()]
      .filter(({ content, digest }) => content.subject?.digest === subject && (after === undefined || digest > after))
      .map(describe)
      .filter((descriptor) => artifactType === undefined || descriptor.artifactType === artifactType)
      .toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
  }

  statBlob(digest: Digest): { sizeBytes: number } {
    this.#checkExists();
    return { sizeBytes: this.#blob(digest).byteLength };
  }

  sizeOfBlob(digest: Digest): { sizeBytes: number } {
    return this.statBlob(digest);
  }

  openBlob(digest: Digest, range: ByteRange | undefined): OpenBlob {
    this.#checkExists();
    const bytes = this.#blob(digest);
    const body = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
    return { sizeBytes: bytes.byteLength, body };
  }

  deleteBlob(digest: Digest): void {
    this.#blob(digest);
    this.blobs.delete(digest);
  }

  mountBlob(digest: Digest, from: RepositoryName | undefined): boolean {
    for (const sibling of this.#surroundings.siblings()) {
      const bytes = from === undefined || sibling.name === from ? sibling.blobs.get(digest) : undefined;
      if (bytes === undefined) continue;
      this.blobs.set(digest, bytes);
      return true;
    }
    return false;
  }

  #blob(digest: Digest): Uint8Array {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new OciError('BLOB_UNKNOWN', `there is no blob ${digest}`);
    return bytes;
  }

  #stored(digest: Digest | undefined, reference: string): Stored {
    this.#checkExists();
    const manifest = digest === undefined ? undefined : this.#manifests.get(digest);
    if (manifest === undefined) throw new OciError('MANIFEST_UNKNOWN', `there is no manifest ${reference}`);
    return manifest;
  }

  #partsOf(content: ManifestContent): readonly Digest[] {
    if (content.kind === 'index') return content.manifests.map(({ digest }) => digest);
    return [content.config, ...content.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))].map(
      ({ digest }) => digest,
    );
  }

  #checkMayMove(tag: Tag): void {
    if (this.#tags.has(tag) && this.#surroundings.immutableTags?.test(tag) === true) {
      throw new OciError('DENIED', `the tag ${tag} never changes`);
    }
  }

  #checkExists(): void {
    if (!this.exists) throw new OciError('NAME_UNKNOWN', `there is no repository ${this.name}`);
  }
}

function describe({ digest, mediaType, bytes, content }: Stored): Descriptor {
  const artifactType = content.artifactType ?? (content.kind === 'image' ? content.config.mediaType : undefined);
  return {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(artifactType !== undefined && { artifactType }),
    ...(content.annotations !== undefined && { annotations: content.annotations }),
  };
}
