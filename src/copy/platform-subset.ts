import { chooseEntries } from '../oci/choose-entries.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { IndexContent, Manifest } from '../oci/manifest.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';

/** The entries that a copy for these platforms brings. Throws MANIFEST_UNKNOWN when there are none. */
export function chosenEntries(index: IndexContent, wanted: readonly Platform[]): readonly Descriptor[] {
  const chosen = chooseEntries(index, wanted);
  if (chosen.length > 0 || index.manifests.length === 0) return chosen;
  throw new OciError('MANIFEST_UNKNOWN', `the image has none of ${wanted.map(formatPlatform).join(', ')}`);
}

/**
 * An index of the chosen entries only, for registries that refuse an index whose children they lack. All else of the
 * original is kept; its digest is another, unless nothing was left out. Throws MANIFEST_UNKNOWN when nothing is chosen.
 */
export function subsetIndex(manifest: Manifest, index: IndexContent, wanted: readonly Platform[]): Manifest {
  const chosen = chosenEntries(index, wanted);
  if (chosen.length === index.manifests.length) return manifest;
  const digests = new Set<string>(chosen.map(({ digest }) => digest));
  const body = JSON.parse(new TextDecoder().decode(manifest.bytes)) as { manifests: { digest: string }[] };
  body.manifests = body.manifests.filter(({ digest }) => digests.has(digest));
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { digest: digestOf(bytes), mediaType: manifest.mediaType, bytes };
}

/** For whoever chose the platforms; `isSparse` where all targets keep indexes as they came. */
export function platformNotice(platforms: readonly Platform[], { isSparse }: { readonly isSparse: boolean }): string {
  const leftOut = `platforms other than ${platforms.map(formatPlatform).join(', ')} are left out`;
  if (isSparse) return `${leftOut}: indexes still name them, and whoever pulls one of them is told that it is not here`;
  return `${leftOut}: indexes are written anew, and their digests are not those of the source`;
}
