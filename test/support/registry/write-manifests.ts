import { algorithmOf, type Digest, digestOf, isDigest } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { MAX_MANIFEST_BYTES, type ManifestContent, readManifest } from '../../../src/oci/manifest.ts';
import { isForeignLayerType, isManifestType, withoutParameters } from '../../../src/oci/media-type.ts';
import { parseRepositoryName, parseTagOrDigest } from '../../../src/oci/reference.ts';
import { type Answer, emptyAnswer, textAnswer } from '../origin/answer.ts';
import { readBody, type Request } from '../origin/request.ts';
import type { MemoryContent } from './memory-content.ts';
import type { Route } from './route.ts';

/** Stores the bytes as they came, if all that they name is in the repository already. */
export async function putManifest(content: MemoryContent, route: Route, request: Request): Promise<Answer> {
  const repository = parseRepositoryName(route.repository);
  const reference = parseTagOrDigest(route.reference);
  const bytes = await readBody(request);
  if (bytes.byteLength > MAX_MANIFEST_BYTES) return textAnswer(413, 'the manifest exceeds 4 MiB');
  const { mediaType, content: named } = readManifest(bytes);
  const contentType = withoutParameters(request.headers['content-type'] ?? '');
  if (contentType !== mediaType) {
    throw new OciError('MANIFEST_INVALID', `the manifest is ${mediaType}, but was sent as "${contentType}"`);
  }
  const asDigest = isDigest(reference) ? reference : undefined;
  const digest = digestOf(bytes, asDigest && algorithmOf(asDigest));
  if (asDigest !== undefined && asDigest !== digest) {
    throw new OciError('DIGEST_INVALID', `the manifest hashes to ${digest}, not to ${asDigest}`);
  }
  checkChildren(content, repository, named);
  content.addManifest(repository, { digest, mediaType, bytes }, asDigest === undefined ? reference : undefined);
  return emptyAnswer(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
  });
}

/** Throws MANIFEST_UNKNOWN. */
export function deleteManifest(content: MemoryContent, { repository, reference }: Route): Answer {
  if (!content.deleteManifest(parseRepositoryName(repository), parseTagOrDigest(reference))) {
    throw new OciError('MANIFEST_UNKNOWN', `${repository} has no manifest ${reference}`);
  }
  return emptyAnswer(202);
}

// distribution-spec §Pushing Manifests: a missing subject is to be accepted, missing children and blobs need not be.
function checkChildren(content: MemoryContent, repository: string, named: ManifestContent): void {
  const missing: Digest[] =
    named.kind === 'index'
      ? named.manifests.flatMap(({ digest, mediaType }) => {
          const mayBeBlob = !isManifestType(mediaType) && content.blob(repository, digest) !== undefined;
          return mayBeBlob || content.manifest(repository, digest) ? [] : [digest];
        })
      : [named.config, ...named.layers].flatMap(({ digest, mediaType }) =>
          isForeignLayerType(mediaType) || content.blob(repository, digest) ? [] : [digest],
        );
  if (missing.length > 0) {
    throw new OciError('MANIFEST_BLOB_UNKNOWN', `${repository} lacks ${missing.join(', ')}`);
  }
}
