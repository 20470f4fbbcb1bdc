import { type Digest, algorithmOf, digestOf, isDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { type Manifest, type ManifestContent, readManifest } from '../../oci/manifest.ts';
import { isIndexType, isManifestType, withoutParameters } from '../../oci/media-type.ts';
import { type Tag, parseTag } from '../../oci/reference.ts';
import type { Answer } from './answer.ts';
import type { AskedAddress } from './asked-address.ts';
import { etagOf, guardedCall, isKnownToClient } from './conditional.ts';
import { Refusal } from './errors.ts';
import type { HostedRepository, ReadCall, Staleness } from './hosted-repository.ts';
import type { ManifestBodies } from './manifest-bodies.ts';
import type { HttpRequest } from './request.ts';

/** distribution-spec §Pushing Manifests: at least ten should work. */
const MAX_TAGS = 100;

interface PushedTo {
  readonly address: AskedAddress;
  readonly repository: HostedRepository;
  readonly bodies: ManifestBodies;
}

/** distribution-spec §Pulling manifests. The bytes are those that were pushed, whatever `Accept` says. */
export function getManifest(
  repository: HostedRepository,
  reference: Tag | Digest,
  request: HttpRequest,
): Answer | Promise<Answer> {
  const call = readCall(request);
  const isGet = request.method !== 'HEAD';
  if (isGet && request.header('if-none-match') === undefined) return sendManifest(repository, reference, call);
  const found = repository.resolve(reference, call);
  const answer = (resolved: Awaited<typeof found>) => {
    const headers = headersOf(resolved);
    if (isKnownToClient(request, resolved.digest)) return { status: 304, headers };
    if (isGet) return sendManifest(repository, reference, call);
    // Of a length that is not known nothing is said, and whoever needs it asks for the whole.
    const length = resolved.size > 0 ? { 'content-length': resolved.size } : { 'transfer-encoding': 'chunked' };
    return { status: 200, headers: { ...headers, 'content-type': resolved.mediaType, ...length } };
  };
  return found instanceof Promise ? found.then(answer) : answer(found);
}

function sendManifest(repository: HostedRepository, reference: Tag | Digest, call: ReadCall): Answer | Promise<Answer> {
  const found = repository.manifest(reference, call);
  const answer = (manifest: Awaited<typeof found>) => ({
    status: 200,
    headers: {
      ...headersOf(manifest),
      'content-type': manifest.mediaType,
      'content-length': manifest.bytes.byteLength,
    },
    body: manifest.bytes,
  });
  return found instanceof Promise ? found.then(answer) : answer(found);
}

function headersOf({ digest, stale }: { readonly digest: Digest; readonly stale?: Staleness | undefined }) {
  const identity = { 'docker-content-digest': digest, etag: etagOf(digest) };
  return stale === undefined ? identity : { ...identity, ...warningOf(stale) };
}

/** RFC 9111 §5.1, and RFC 7234 §5.5.1: "Response is Stale". */
function warningOf({ ageMs, reason }: Staleness): Answer['headers'] {
  const text = reason.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
  return { age: Math.max(0, Math.floor(ageMs / 1000)), warning: `110 - "${text}"` };
}

/** RFC 9111 §5.2.1.4, and what was before it. */
function readCall(request: HttpRequest): ReadCall {
  const wish = request.header('cache-control') ?? request.header('pragma');
  if (wish === undefined || !/\bno-cache\b/i.test(wish)) return request;
  return { signal: request.signal, isInsistent: true };
}

/** distribution-spec §Pushing Manifests. Tags beside a digest come as `?tag=` parameters. */
export async function putManifest(
  { address, repository, bodies }: PushedTo,
  reference: Tag | Digest,
  request: HttpRequest,
): Promise<Answer> {
  const tags = tagsOf(reference, request);
  using held = await bodies.read(request);
  const { bytes } = held;
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  if (isDigest(reference) && digest !== reference) {
    throw new OciError('DIGEST_INVALID', `the manifest that was sent as ${reference} has the digest ${digest}`);
  }
  const { mediaType, content } = readTyped(bytes, request.header('content-type'));
  const manifest: Manifest = { digest, mediaType, bytes };
  // A digest never means anything else, so that there is nothing to be conditional on.
  await repository.putManifest(manifest, content, tags, isDigest(reference) ? request : guardedCall(request));
  const named = isDigest(reference) && tags.length > 0;
  return {
    status: 201,
    headers: {
      location: address.location(`manifests/${digest}`),
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
  else await repository.deleteTag(reference, guardedCall(request));
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

/** image-spec §Guidelines: the type in the body, where there is one, and the type of the request are the same. */
function readTyped(
  bytes: Uint8Array,
  contentType: string | undefined,
): { mediaType: string; content: ManifestContent } {
  const { mediaType, content } = readManifest(bytes);
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
