import { type Descriptor, attestedDigest } from './descriptor.ts';
import type { IndexContent } from './manifest.ts';
import { type Platform, matchesPlatform } from './platform.ts';

/**
 * The entries of an index for the wanted platforms, with the attestations of those, and whatever names no platform.
 * An empty `wanted` means all.
 */
export function chooseEntries(index: IndexContent, wanted: readonly Platform[]): readonly Descriptor[] {
  if (wanted.length === 0) return index.manifests;
  const isChosen = ({ platform }: Descriptor) =>
    platform === undefined || wanted.some((candidate) => matchesPlatform(candidate, platform));
  const digests = new Set<string>(index.manifests.filter(isChosen).map(({ digest }) => digest));
  return index.manifests.filter((entry) => {
    const attested = attestedDigest(entry);
    return attested === undefined ? isChosen(entry) : digests.has(attested);
  });
}
