import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import { catalogImage } from './catalog-image.ts';

/**
 * What left the catalog but never leaves the hub: a few images more in each repository, with tags of their own. Their
 * dates lie among those of the others.
 */
export function oldImages(images: readonly CatalogImage[], perRepository: number): CatalogImage[] {
  const repositories = new Set(images.map(({ repository }) => repository));
  return [...repositories].flatMap((repository) =>
    Array.from({ length: perRepository }, (_, index) => catalogImage(repository, [`0.${index + 1}.0-retired`])),
  );
}
