import semver from 'semver';
import type { CatalogImage } from '../catalog/catalog.ts';
import { type Pattern, parsePattern } from '../oci/pattern.ts';
import type { Tag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { tagVersion } from './tag-version.ts';

export interface RangeTexts {
  /** For every name that `byName` does not have. */
  readonly range?: string | undefined;
  /** By a name, or a pattern of names; the first that matches counts. */
  readonly byName: ReadonlyMap<string, string>;
}

/** Chooses the tags that are versions in a range. Where there is none for a name, all its tags are chosen. */
export class VersionRanges {
  readonly #byName: readonly { readonly pattern: Pattern; readonly range: semver.Range }[];
  readonly #range: semver.Range | undefined;

  /** Throws UsageError for a text that is no range, and for a name that is none. */
  constructor({ range, byName }: RangeTexts) {
    this.#range = range === undefined ? undefined : parseRange(range);
    this.#byName = [...byName].map(([name, text]) => ({ pattern: parsePattern(name), range: parseRange(text) }));
  }

  /** Whether there is a range for the image's name. */
  speaksOf(image: CatalogImage): boolean {
    return this.#rangeOf(image) !== undefined;
  }

  /** A short tag counts as its lowest version: `1.27` as 1.27.0. A prerelease is in a range that names one of its version. */
  has(image: CatalogImage, tag: Tag): boolean {
    const range = this.#rangeOf(image);
    if (range === undefined) return true;
    const version = tagVersion(tag)?.version;
    return version !== undefined && range.test(version);
  }

  #rangeOf({ name, repository }: CatalogImage): semver.Range | undefined {
    const own = this.#byName.find(({ pattern }) => pattern.matchesName(name) || pattern.matchesName(repository));
    return own?.range ?? this.#range;
  }
}

function parseRange(text: string): semver.Range {
  try {
    return new semver.Range(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const examples = '">=1.20", "~1.27", "1.x || >=2.5 <3" or "*"';
    throw new UsageError(`"${text.slice(0, 200)}" is not a range of versions; write one such as ${examples}`);
  }
}
