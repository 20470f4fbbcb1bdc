import type { Digest } from '../../../src/oci/digest.ts';
import type { Manifest } from '../../../src/oci/manifest.ts';
import type { Blob, Content } from './content.ts';

interface Repository {
  readonly blobs: Map<string, Blob>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, Digest>;
}

/** What was pushed, in memory. A repository exists from its first manifest on and has the blobs that were pushed for it. */
export class MemoryContent implements Content {
  readonly #repositories = new Map<string, Repository>();

  repositories(): readonly string[] {
    return [...this.#repositories].flatMap(([name, { manifests }]) => (manifests.size > 0 ? [name] : [])).sort();
  }

  tags(repository: string): readonly string[] | undefined {
    const found = this.#repositories.get(repository);
    return found === undefined || found.manifests.size === 0 ? undefined : [...found.tags.keys()].sort();
  }

  manifest(repository: string, reference: string): Manifest | undefined {
    const found = this.#repositories.get(repository);
    return found?.manifests.get(found.tags.get(reference) ?? reference);
  }

  /** In the order in which they were pushed. */
  manifests(repository: string): readonly Manifest[] {
    return [...(this.#repositories.get(repository)?.manifests.values() ?? [])];
  }

  blob(repository: string, digest: string): Blob | undefined {
    return this.#repositories.get(repository)?.blobs.get(digest);
  }

  addBlob(repository: string, blob: Blob): void {
    this.#open(repository).blobs.set(blob.digest, blob);
  }

  addManifest(repository: string, manifest: Manifest, tag: string | undefined): void {
    const { manifests, tags } = this.#open(repository);
    manifests.set(manifest.digest, manifest);
    if (tag !== undefined) tags.set(tag, manifest.digest);
  }

  /** `false` when there was no such blob. */
  deleteBlob(repository: string, digest: string): boolean {
    return this.#repositories.get(repository)?.blobs.delete(digest) ?? false;
  }

  /** A digest takes its tags along, a tag leaves the manifest. `false` when there was no such thing. */
  deleteManifest(repository: string, reference: string): boolean {
    const found = this.#repositories.get(repository);
    if (found === undefined) return false;
    if (found.tags.delete(reference)) return true;
    for (const [tag, digest] of found.tags) if (digest === reference) found.tags.delete(tag);
    return found.manifests.delete(reference);
  }

  #open(name: string): Repository {
    const repository = this.#repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.#repositories.set(name, repository);
    return repository;
  }
}
