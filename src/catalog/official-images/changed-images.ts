import type { Tag } from '../../oci/reference.ts';
import type { CatalogImage } from '../catalog.ts';
import { LibraryFileError } from './library-file-error.ts';
import { parseLibraryFile } from './library-file.ts';
import type { LibraryFile } from './library.ts';
import { tagMeanings } from './tag-meanings.ts';

/** Two states of the files of a library. */
export interface LibraryStates {
  readonly before: readonly LibraryFile[];
  readonly after: readonly LibraryFile[];
}

/**
 * Those images of the later state that have a tag which the earlier one did not have, or had for other builds. A file
 * that could not be read in the earlier state had no tags.
 */
export function changedImages(images: readonly CatalogImage[], { before, after }: LibraryStates): Set<CatalogImage> {
  const textBefore = new Map(before.map(({ name, text }) => [name, text]));
  const imagesOf = Map.groupBy(images, ({ name }) => name);
  const changed = after.flatMap(({ name, text }) => {
    const candidates = imagesOf.get(name) ?? [];
    if (candidates.length === 0 || textBefore.get(name) === text) return [];
    const meant = meaningsIn(name, textBefore.get(name));
    const means = meaningsIn(name, text);
    return candidates.filter(({ tags }) => tags.some((tag) => !isSame(meant.get(tag), means.get(tag))));
  });
  return new Set(changed);
}

function meaningsIn(name: string, text: string | undefined): ReadonlyMap<Tag, ReadonlySet<string>> {
  if (text === undefined) return new Map();
  try {
    return tagMeanings(parseLibraryFile(text, `library/${name}`));
  } catch (error) {
    if (!(error instanceof LibraryFileError)) throw error;
    return new Map();
  }
}

function isSame(one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined): boolean {
  return one !== undefined && other !== undefined && one.symmetricDifference(other).size === 0;
}
