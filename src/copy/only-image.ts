import { attestedDigest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { readManifest } from '../oci/manifest.ts';
import { type Platform, formatPlatform, matchesPlatform } from '../oci/platform.ts';
import type { Call, Source } from '../oci/repository.ts';
import { CopyError, blame } from './copy-error.ts';

/** The image of one platform, where the digest may be an index of several. Throws CopyError when there is none. */
export async function onlyImage(from: Source, digest: Digest, wanted: Platform, call: Call): Promise<Digest> {
  const { content } = readManifest((await blame('source', from.manifest(digest, call))).bytes);
  if (content.kind === 'image') return digest;
  const entries = content.manifests.filter((entry) => attestedDigest(entry) === undefined);
  const entry = entries.find(({ platform }) => platform !== undefined && matchesPlatform(wanted, platform));
  if (entry !== undefined) return entry.digest;
  const message = `the image has no ${formatPlatform(wanted)}; choose another platform with --platform`;
  throw new CopyError('source', new OciError('MANIFEST_UNKNOWN', message));
}
