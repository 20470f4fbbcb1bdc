import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import type { Manifest } from '../../../src/oci/manifest.ts';
import type { Blob, Content } from '../registry/content.ts';
import type { ImageGenerator } from './generate-images.ts';
import { HubRepository } from './hub-repository.ts';

/** All repositories of a hub. */
export class HubContent implements Content {
  readonly #repositories: ReadonlyMap<string, HubRepository>;

  constructor(images: readonly CatalogImage[], generator: ImageGenerator) {
    const byRepository = Map.groupBy(images, ({ repository }) => repository);
    this.#repositories = new Map([...byRepository].map(([name, own]) => [name, new HubRepository(own, generator)]));
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
