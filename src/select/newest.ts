// Which images of one repository are its newest. A version is kept or left as a whole, with all its variants; a short
// tag such as 1.27 is no version beside 1.27.4, and goes with the newest that it may mean.
import type semver from 'semver';
import type { CatalogImage } from '../catalog/catalog.ts';
import { type TagVersion, byVersion, tagVersion } from './tag-version.ts';

/** Those that have a tag of the latest version of some minor one. Images without a version are left out. */
export function latestPatches(images: readonly CatalogImage[]): CatalogImage[] {
  const versions = versionsOf(images);
  const kept = new Map<string, string>();
  for (const { key, version } of versions.newestFirst) {
    const minor = `${version.major}.${version.minor}`;
    if (!kept.has(minor)) kept.set(minor, key);
  }
  return versions.imagesWith(new Set(kept.values()));
}

/** Those that have a tag of one of the `count` latest versions. Images without a version are left out. */
export function newestVersions(images: readonly CatalogImage[], count: number): CatalogImage[] {
  const versions = versionsOf(images);
  return versions.imagesWith(new Set(versions.newestFirst.slice(0, count).map(({ key }) => key)));
}

/** Those that were moved last. `undefined` where that is not known of each. */
export function newestByDate(images: readonly CatalogImage[], count: number): CatalogImage[] | undefined {
  if (images.some(({ updatedAtMs }) => updatedAtMs === undefined)) return undefined;
  const sorted = images.toSorted((one, other) => (other.updatedAtMs ?? 0) - (one.updatedAtMs ?? 0));
  const newest = new Set(sorted.slice(0, count));
  return images.filter((image) => newest.has(image));
}

interface Version {
  readonly key: string;
  readonly version: semver.SemVer;
}

interface Versions {
  /** Each once. */
  readonly newestFirst: readonly Version[];
  imagesWith(keys: ReadonlySet<string>): CatalogImage[];
}

function versionsOf(images: readonly CatalogImage[]): Versions {
  const read = images.map(({ tags }) => tags.flatMap((tag) => tagVersion(tag) ?? []));
  const longer = newestByPrefix(read.flat());
  // A prerelease is no short form: 3.15.0-rc1 is none of 3.15.0.
  const meant = (one: TagVersion) => (one.isPrerelease ? undefined : longer.get(one.numbers.join('.')));
  const keysOf = read.map((versions) => versions.map((one) => meant(one) ?? keyOf(one)));
  const own = read.flat().filter((one) => meant(one) === undefined);
  const distinct = new Map(own.map((version) => [keyOf(version), version.version]));
  const newestFirst = [...distinct]
    .map(([key, version]) => ({ key, version }))
    .sort((one, other) => byVersion(one.version, other.version));
  return {
    newestFirst,
    imagesWith: (keys) => images.filter((_, index) => keysOf[index]?.some((key) => keys.has(key))),
  };
}

/** For each version that others make longer, the newest of those. */
function newestByPrefix(versions: readonly TagVersion[]): ReadonlyMap<string, string> {
  const newest = new Map<string, TagVersion>();
  for (const version of versions) {
    if (version.isPrerelease) continue;
    for (let length = 1; length < version.numbers.length; length += 1) {
      const prefix = version.numbers.slice(0, length).join('.');
      const known = newest.get(prefix);
      if (known === undefined || isNewer(version, known)) newest.set(prefix, version);
    }
  }
  return new Map([...newest].map(([prefix, version]) => [prefix, keyOf(version)]));
}

// Of equals the one with more numbers is the version, and the other a short form of it.
function isNewer(one: TagVersion, other: TagVersion): boolean {
  const order = byVersion(one.version, other.version);
  return order === 0 ? one.numbers.length > other.numbers.length : order < 0;
}

function keyOf({ version }: TagVersion): string {
  return [version.version, ...version.build].join('+');
}
