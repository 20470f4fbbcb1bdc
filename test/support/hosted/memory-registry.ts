import type { HostedRegistry, HostedRepository, Page } from '../../../src/http/distribution/hosted-repository.ts';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { MemoryRepository } from './memory-repository.ts';

/** The simplest registry that keeps every promise of the port: all in memory, answered without a promise. */
export class MemoryRegistry implements HostedRegistry {
  readonly #repositories = new Map<RepositoryName, MemoryRepository>();
  readonly #immutableTags: RegExp | undefined;

  constructor(options: { readonly immutableTags?: RegExp } = {}) {
    this.#immutableTags = options.immutableTags;
  }

  repository(name: RepositoryName): MemoryRepository & HostedRepository {
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const created = new MemoryRepository(name, {
      immutableTags: this.#immutableTags,
      siblings: () => this.#repositories.values(),
    });
    this.#repositories.set(name, created);
    return created;
  }

  listRepositories({ after, limit }: Page<RepositoryName>): readonly RepositoryName[] {
    const existing = [...this.#repositories].filter(([, repository]) => repository.exists).map(([name]) => name);
    return existing
      .filter((name) => after === undefined || name > after)
      .toSorted()
      .slice(0, limit);
  }
}
