import type { Manifest } from '../../../src/oci/manifest.ts';
import type { Blob, Content } from '../registry/content.ts';
import type { ImageGenerator } from './generate-images.ts';
import type { HubImage } from './hub-image.ts';
import { HubRepository } from './hub-repository.ts';

/** All repositories of a hub. */
export class HubContent implements Content {
  readonly #generator: ImageGenerator;
  readonly #repositories: Map<string, HubRepository>;

  constructor(images: readonly HubImage[], generator: ImageGenerator) {
    this.#generator = generator;
    const byRepository = Map.groupBy(images, ({ repository }) => repository);
    this.#repositories = new Map([...byRepository].map(([name, own]) => [name, new HubRepository(own, generator)]));
  }

  /** The library wants `after`, and no longer `before`: see HubRepository. */
  moveTo(after: readonly HubImage[], before: readonly HubImage[], at: Date): void {
    const wanted = Map.groupBy(after, ({ repository }) => repository);
    for (const name of new Set([...before, ...after].map(({ repository }) => repository))) {
      const repository = this.#repositories.get(name) ?? new HubRepository([], this.#generator);
      this.#repositories.set(name, repository);
      repository.moveTo(wanted.get(name) ?? [], at);
    }
  }

  repositories(): readonly string[] {
    return [...this.#repositories.keys()].sort();
  }

  repository(name: string): HubRepository | undefined {
    return this.#repositories.get(name);
  }

  tags(repository: string): readonly string[] | undefined {
    return this.repository(repository)?.tags();
  }

  manifest(repository: string, reference: string): Manifest | undefined {
    return this.repository(repository)?.manifest(reference);
  }

  blob(repository: string, digest: string): Blob | undefined {
    return this.repository(repository)?.blob(digest);
  }
}
