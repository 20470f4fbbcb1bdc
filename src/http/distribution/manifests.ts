import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf, isDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { MAX_MANIFEST_BYTES, type Manifest, type ManifestContent, readManifest } from '../../oci/manifest.ts';
import { isIndexType, isManifestType, withoutParameters } from '../../oci/media-type.ts';
import { type RepositoryName, type Tag, parseTag } from '../../oci/reference.ts';
import { readAll } from '../../streams/read-all.ts';
import type { Answer } from './answer.ts';
import { etagOf, isKnownToClient } from './conditional.ts';
import { Refusal } from './errors.ts';
import type { HostedRepository } from './hosted-repository.ts';
import { type HttpRequest, contentLengthOf } from './request.ts';

/** An index of every platform of every version stays far below; the store looks each of them up. */
const MAX_PARTS = 10_000;
/** distribution-spec §Pushing Manifests: at least ten should work. */
const MAX_TAGS = 100;

/** distribution-spec §Pulling manifests. The bytes are those that were pushed, whatever `Accept` says. */
export function getManifest(
  repository: HostedRepository,
  reference: Tag | Digest,
  request: HttpRequest,
): Answer | Promise<Answer> {
  const descriptor = repository.resolve(reference, request);
  return descriptor instanceof Promise
    ? descriptor.then((resolved) => answerManifest(repository, resolved, request))
    : answerManifest(repository, descriptor, request);
}

function answerManifest(
  repository: HostedRepository,
  { digest, mediaType, size }: Descriptor,
  request: HttpRequest,
): Answer | Promise<Answer> {
  const identity = { 'docker-content-digest': digest, etag: etagOf(digest) };
  if (isKnownToClient(request, digest)) return { status: 304, headers: identity };
  const headers = { ...identity, 'content-type': mediaType, 'content-length': size };
  if (request.method === 'HEAD') return { status: 200, headers };
  const manifest = repository.manifest(digest, request);
  return manifest instanceof Promise
    ? manifest.then(({ bytes }) => ({ status: 200, headers, body: bytes }))
    : { status: 200, headers, body: manifest.bytes };
}

/** distribution-spec §Pushing Manifests. Tags beside a digest come as `?tag=` parameters. */
export async function putManifest(
  repository: HostedRepository,
  name: RepositoryName,
  reference: Tag | Digest,
  request: HttpRequest,
): Promise<Answer> {
  const tags = tagsOf(reference, request);
  const bytes = await readBody(request);
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  if (isDigest(reference) && digest !== reference) {
    throw new OciError('DIGEST_INVALID', `the manifest that was sent as ${reference} has the digest ${digest}`);
  }
  const { mediaType, content } = readTyped(bytes, request.header('content-type'));
  const manifest: Manifest = { digest, mediaType, bytes };
  await repository.putManifest(manifest, content, tags, request);
  const named = isDigest(reference) && tags.length > 0;
  return {
    status: 201,
    headers: {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(content.subject !== undefined && { 'oci-subject': content.subject.digest }),
      ...(named && { 'oci-tag': tags.join(', ') }),
    },
  };
}

/** distribution-spec §Deleting tags, §Deleting Manifests. */
export async function deleteManifest(
  repository: HostedRepository,
  reference: Tag | Digest,
  request: HttpRequest,
): Promise<Answer> {
  if (isDigest(reference)) await repository.deleteManifest(reference, request);
  else await repository.deleteTag(reference, request);
  return { status: 202, headers: {} };
}

function tagsOf(reference: Tag | Digest, request: HttpRequest): readonly Tag[] {
  if (!isDigest(reference)) return [reference];
  const tags = new Set(request.query.getAll('tag').map(parseTag));
  if (tags.size > MAX_TAGS) {
    throw new Refusal(414, 'UNSUPPORTED', `${tags.size} tags are too many for one request; send at most ${MAX_TAGS}`);
  }
  return [...tags];
}

async function readBody(request: HttpRequest): Promise<Uint8Array> {
  if ((contentLengthOf(request) ?? 0) > MAX_MANIFEST_BYTES) throw tooLarge();
  try {
    return await readAll(request.body, MAX_MANIFEST_BYTES);
  } catch (error) {
    throw error instanceof OciError && error.code === 'SIZE_INVALID' ? tooLarge() : error;
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'SIZE_INVALID', `the manifest exceeds ${MAX_MANIFEST_BYTES} bytes, the most that is stored`);
}

/** image-spec §Guidelines: the type in the body, where there is one, and the type of the request are the same. */
function readTyped(
  bytes: Uint8Array,
  contentType: string | undefined,
): { mediaType: string; content: ManifestContent } {
  const { mediaType, content } = readManifest(bytes);
  const parts = content.kind === 'index' ? content.manifests : content.layers;
  if (parts.length > MAX_PARTS) {
    throw new OciError('MANIFEST_INVALID', `the manifest has ${parts.length} parts; at most ${MAX_PARTS} are stored`);
  }
  const sentType = withoutParameters(contentType ?? '');
  if (sentType === '' || sentType === mediaType) return { mediaType, content };
  const isPossible = isManifestType(sentType) && isIndexType(sentType) === (content.kind === 'index');
  if (!isPossible || namesItsType(bytes)) {
    throw new OciError('MANIFEST_INVALID', `a ${mediaType} was sent with the Content-Type "${sentType.slice(0, 200)}"`);
  }
  return { mediaType: sentType, content };
}

function namesItsType(bytes: Uint8Array): boolean {
  return 'mediaType' in (JSON.parse(new TextDecoder().decode(bytes)) as object);
}
