// A tag at the authority and at a mirror: two answers, one judgement. Pure.
import type { Descriptor } from '../oci/descriptor.ts';
import type { ManifestContent } from '../oci/manifest.ts';
import { attestedDigest } from '../oci/descriptor.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { ResolvedPart } from '../oci/repository.ts';

/** `different`: the tag means another digest there, whatever that may be. */
export type TagComparison = 'same' | 'mediaType' | 'different';

export function compareTag(expected: Descriptor, found: Descriptor): TagComparison {
  if (expected.digest !== found.digest) return 'different';
  return expected.mediaType === found.mediaType ? 'same' : 'mediaType';
}

const SHOWN_PLATFORMS = 4;

/**
 * Where two images differ, platform by platform: what the authority's web API lists, beside the index that the mirror has.
 * `undefined` where there is nothing to compare.
 */
export function comparePlatforms(
  expected: readonly ResolvedPart[] | undefined,
  found: ManifestContent,
): string | undefined {
  if (expected === undefined || found.kind === 'image') return undefined;
  const there = new Set(found.manifests.map(({ digest }) => digest));
  const listed = expected.filter(({ digest, platform }) => digest !== undefined && !platform.startsWith('unknown'));
  if (listed.length === 0) return undefined;
  const same = listed.filter(({ digest }) => digest !== undefined && there.has(digest));
  const authoritys = new Set(expected.map(({ digest }) => digest));
  const others = found.manifests.filter(
    (entry) => attestedDigest(entry) === undefined && entry.platform !== undefined && !authoritys.has(entry.digest),
  );
  const names = same.map(({ platform }) => platform);
  if (names.length === 0) return `no platform has the authority's image digest`;
  const rest = others.length === 0 ? 'it has no other' : `others are ${shorten(others.map(describeEntry))}`;
  return `the authority's image digest for ${shorten(names)}; ${rest}`;
}

function describeEntry({ platform, digest }: Descriptor): string {
  return `${platform === undefined ? 'unknown' : formatPlatform(platform)} ${digest}`;
}

function shorten(names: readonly string[]): string {
  const more = names.length - SHOWN_PLATFORMS;
  return names.slice(0, SHOWN_PLATFORMS).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
