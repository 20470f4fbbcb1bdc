import type { CatalogImage } from '../catalog/catalog.ts';
import { type Platform, matchesPlatform } from '../oci/platform.ts';
import type { Pattern } from '../oci/pattern.ts';

export interface Selection {
  /** Empty: everything. */
  readonly include: readonly Pattern[];
  readonly exclude: readonly Pattern[];
  /** Empty: all. An image that promises none of these is left out; one that promises nothing stays in. */
  readonly platforms: readonly Platform[];
}

/** What is wanted of a catalog. An image stays with those of its tags that are chosen, if any are. */
export function selectImages(images: readonly CatalogImage[], selection: Selection): CatalogImage[] {
  return images.flatMap((image) => {
    if (!hasPlatform(image, selection.platforms)) return [];
    const tags = image.tags.filter((tag) => isChosen(image, tag, selection));
    return tags.length === 0 ? [] : [{ ...image, tags }];
  });
}

function isChosen(image: CatalogImage, tag: string, { include, exclude }: Selection): boolean {
  const matches = (pattern: Pattern) =>
    (pattern.matchesName(image.name) || pattern.matchesName(image.repository)) && pattern.matchesTag(tag);
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches);
}

function hasPlatform(image: CatalogImage, wanted: readonly Platform[]): boolean {
  if (wanted.length === 0 || image.platforms.length === 0) return true;
  return image.platforms.some((platform) => wanted.some((candidate) => matchesPlatform(candidate, platform)));
}
