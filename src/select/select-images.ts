import type { CatalogImage } from '../catalog/catalog.ts';
import { type Platform, matchesPlatform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import { type ImagePattern, matchesImage } from './image-pattern.ts';
import { latestPatches, newestByDate, newestVersions } from './newest.ts';
import type { VersionRanges } from './version-ranges.ts';

export interface Selection {
  /** Empty: everything. */
  readonly include: readonly ImagePattern[];
  readonly exclude: readonly ImagePattern[];
  /** Empty: all. An image that promises none of these is left out; one that promises nothing stays in. */
  readonly platforms: readonly Platform[];
  readonly ranges?: VersionRanges | undefined;
  /** How long ago an image was moved. One of which that is not known is left out. */
  readonly age?: AgeLimits | undefined;
  /** Of each minor version only the latest. */
  readonly isLatestPatchOnly?: boolean | undefined;
  /**
   * Only so many of each name: those that were moved last, where that is known of all of them, and else the latest
   * versions. Beside another choice of versions it is versions that are counted.
   */
  readonly newest?: number | undefined;
}

interface AgeLimits {
  readonly minMs: number;
  /** `Infinity`: no bound. */
  readonly maxMs: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * What is wanted of a catalog: what the patterns, the platforms, the ranges and the ages leave, and of that the newest.
 * An image stays with those of its tags that are chosen, if any are.
 */
export function selectImages(images: readonly CatalogImage[], selection: Selection): CatalogImage[] {
  const chosen = images.flatMap((image) => {
    if (!hasPlatform(image, selection.platforms) || !hasAge(image, selection.age)) return [];
    const tags = image.tags.filter((tag) => isChosen(image, tag, selection));
    return tags.length === 0 ? [] : [{ ...image, tags }];
  });
  if (selection.newest === undefined && selection.isLatestPatchOnly !== true) return chosen;
  const newest = Map.groupBy(chosen, ({ name }) => name)
    .values()
    .flatMap((group) => newestOf(group, selection));
  const kept = new Set(newest);
  return chosen.filter((image) => kept.has(image));
}

function isChosen(image: CatalogImage, tag: Tag, { include, exclude, ranges }: Selection): boolean {
  const matches = (pattern: ImagePattern) => matchesImage(pattern, image, tag);
  const isIncluded = (include.length === 0 || include.some(matches)) && !exclude.some(matches);
  return isIncluded && (ranges === undefined || ranges.has(image, tag));
}

function hasPlatform(image: CatalogImage, wanted: readonly Platform[]): boolean {
  if (wanted.length === 0 || image.platforms.length === 0) return true;
  return image.platforms.some((platform) => wanted.some((candidate) => matchesPlatform(candidate, platform)));
}

function hasAge({ updatedAtMs }: CatalogImage, age: AgeLimits | undefined): boolean {
  if (age === undefined) return true;
  if (updatedAtMs === undefined) return false;
  const ageMs = age.nowMs - updatedAtMs;
  return ageMs >= age.minMs && ageMs <= age.maxMs;
}

function newestOf(images: readonly CatalogImage[], selection: Selection): readonly CatalogImage[] {
  const { newest, ranges, isLatestPatchOnly = false } = selection;
  const patches = isLatestPatchOnly ? latestPatches(images) : images;
  if (newest === undefined) return patches;
  const isOfVersions = isLatestPatchOnly || images.some((image) => ranges?.speaksOf(image));
  return (isOfVersions ? undefined : newestByDate(patches, newest)) ?? newestVersions(patches, newest);
}
