import { type Descriptor, attestedDigest } from '../oci/descriptor.ts';
import { digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { IndexContent, Manifest } from '../oci/manifest.ts';
import { type Platform, formatPlatform, matchesPlatform } from '../oci/platform.ts';

/**
 * The entries of an index for the wanted platforms, with the attestations of those, and whatever names no platform.
 * An empty `wanted` means all.
 */
function chooseEntries(index: IndexContent, wanted: readonly Platform[]): readonly Descriptor[] {
  if (wanted.length === 0) return index.manifests;
  const isChosen = ({ platform }: Descriptor) =>
    platform === undefined || wanted.some((candidate) => matchesPlatform(candidate, platform));
  const digests = new Set<string>(index.manifests.filter(isChosen).map(({ digest }) => digest));
  return index.manifests.filter((entry) => {
    const attested = attestedDigest(entry);
    return attested === undefined ? isChosen(entry) : digests.has(attested);
  });
}

/**
 * An index of the chosen entries only, for registries that refuse an index whose children they lack. All else of the
 * original is kept; its digest is another, unless nothing was left out. Throws MANIFEST_UNKNOWN when nothing is chosen.
 */
export function subsetIndex(manifest: Manifest, index: IndexContent, wanted: readonly Platform[]): Manifest {
  const chosen = chooseEntries(index, wanted);
  if (chosen.length === index.manifests.length) return manifest;
  if (chosen.length === 0) {
    throw new OciError('MANIFEST_UNKNOWN', `the image has none of ${wanted.map(formatPlatform).join(', ')}`);
  }
  const digests = new Set<string>(chosen.map(({ digest }) => digest));
  const body = JSON.parse(new TextDecoder().decode(manifest.bytes)) as { manifests: { digest: string }[] };
  body.manifests = body.manifests.filter(({ digest }) => digests.has(digest));
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { digest: digestOf(bytes), mediaType: manifest.mediaType, bytes };
}
