// What version a tag names. Tags are no semantic versions: they may be short (`1.27`), and what follows the numbers is
// a variant more often than a prerelease (`1.27-alpine`, but `1.27-rc1`).
import semver from 'semver';
import type { Tag } from '../oci/reference.ts';

export interface TagVersion {
  /** A short one with zeros for what it leaves out; numbers beyond the third count as a build. */
  readonly version: semver.SemVer;
  /** The numbers as written. */
  readonly numbers: readonly number[];
  readonly isPrerelease: boolean;
}

// No part of them can match in two ways, so the time is linear: tags come from outside.
const NUMBERS = /^v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:_(\d{1,9}))?(?![\d.])/;
const PRERELEASE =
  /^[-._]?(alpha|beta|rc|cr|pre|preview|dev|ea|snapshot|milestone|nightly|unstable|canary)(?:[-.]?(\d{1,9}))?(?=$|[-._])/i;
const SHORT_PRERELEASE = /^-?([abm])(\d{1,9})(?=$|[-._])/i;
/** `20230901` is a day, or a number that somebody counts up: later than every version, and none. */
const MAX_LONE_NUMBER = 99_999;

/** `undefined` for tags that name none, such as `latest`, `alpine` and `jammy-20230101`. */
export function tagVersion(tag: Tag): TagVersion | undefined {
  const [matched = '', dotted, build] = NUMBERS.exec(tag) ?? [];
  if (dotted === undefined) return undefined;
  const rest = tag.slice(matched.length);
  const [, word, count] = PRERELEASE.exec(rest) ?? SHORT_PRERELEASE.exec(rest) ?? [];
  // `1.27alpine` and `1password` are names.
  if (word === undefined && rest !== '' && !/^[-_+.]/.test(rest)) return undefined;
  const numbers = dotted.split('.').map(Number);
  const [major = 0, minor = 0, patch = 0, fourth] = numbers;
  if (numbers.length === 1 && major > MAX_LONE_NUMBER) return undefined;
  const suffix =
    word === undefined ? '' : `-${[word.toLowerCase(), ...(count === undefined ? [] : [Number(count)])].join('.')}`;
  const builds = [fourth, build && Number(build)].filter((number) => number !== undefined);
  const metadata = builds.length === 0 ? '' : `+${builds.join('.')}`;
  const version = semver.parse(`${major}.${minor}.${patch}${suffix}${metadata}`);
  return version === null ? undefined : { version, numbers, isPrerelease: word !== undefined };
}

/** Newest first. */
export function byVersion(one: semver.SemVer, other: semver.SemVer): number {
  return semver.compareBuild(other, one);
}
