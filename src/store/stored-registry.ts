// A registry of our own: what http/distribution asks of one, over content and metadata. It fits that port by its shape
// and does not import it: folders know only those below them.
import type { BlobStore } from '../content/blob-store.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Pattern } from '../oci/pattern.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { OpenUploads } from './open-uploads.ts';
import type { PushRules } from './push-rules.ts';
import { type Page, rowPage } from './row-page.ts';
import { StoredRepository } from './stored-repository.ts';

export interface StoredRegistryOptions {
  /** The registry closes it. */
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** NAME or NAME:TAG patterns of tags that do not move once they are there. */
  readonly immutable?: readonly Pattern[] | undefined;
}

export interface RepositoryOptions {
  /** The upstream that the repository is of; its tags are the upstream's to move. Without one it is our own. */
  readonly upstream?: string | undefined;
  readonly rules?: PushRules | undefined;
}

export class StoredRegistry implements AsyncDisposable {
  readonly #options: StoredRegistryOptions;
  readonly #uploads: OpenUploads;

  constructor(options: StoredRegistryOptions, uploads = new OpenUploads(options.content)) {
    this.#options = options;
    this.#uploads = uploads;
  }

  /** The same registry, uploads that are under way too, where other tags do not move. This one closes what they share. */
  withImmutable(immutable: readonly Pattern[]): StoredRegistry {
    return new StoredRegistry({ ...this.#options, immutable }, this.#uploads);
  }

  repository(name: RepositoryName): StoredRepository {
    return this.repositoryWith(name, {});
  }

  repositoryWith(name: RepositoryName, { upstream, rules }: RepositoryOptions): StoredRepository {
    return new StoredRepository(name, {
      ...this.#options,
      immutable: (upstream === undefined && this.#options.immutable) || [],
      uploads: this.#uploads,
      upstream,
      rules,
    });
  }

  async listRepositories(page: Page<RepositoryName>): Promise<readonly RepositoryName[]> {
    return await this.#options.metadata.listRepositories(rowPage(page));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uploads[Symbol.asyncDispose]();
    await this.#options.metadata[Symbol.asyncDispose]();
  }
}
