// The reading half of the distribution API over any content: shared by the registry and the hub.
import { parseDigest } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { parseRepositoryName, parseTagOrDigest } from '../../../src/oci/reference.ts';
import { type Answer, jsonAnswer } from '../origin/answer.ts';
import { answerBytes } from '../origin/byte-range.ts';
import type { Request } from '../origin/request.ts';
import type { Blob, Content } from './content.ts';
import type { Route } from './route.ts';

/** Clients of old look for it on every answer. */
export const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' } as const;

/** Throws MANIFEST_UNKNOWN or NAME_UNKNOWN. */
export function answerManifest(content: Content, { repository, reference }: Route): Answer {
  const manifest = content.manifest(parseRepositoryName(repository), parseTagOrDigest(reference));
  if (manifest === undefined) {
    if (content.tags(repository) === undefined) throw unknownRepository(repository);
    throw new OciError('MANIFEST_UNKNOWN', `${repository} has no manifest ${reference}`);
  }
  const { digest, mediaType, bytes } = manifest;
  const headers = { 'content-type': mediaType, 'docker-content-digest': digest, etag: `"${digest}"` };
  return { status: 200, headers, body: [bytes] };
}

/** Throws BLOB_UNKNOWN. */
export function findBlob(content: Content, { repository, reference }: Route): Blob {
  const blob = content.blob(parseRepositoryName(repository), parseDigest(reference));
  if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `${repository} has no blob ${reference}`);
  return blob;
}

export function answerBlob(blob: Blob, request: Request): Answer {
  return answerBytes(blob.parts, request, {
    'content-type': 'application/octet-stream',
    'docker-content-digest': blob.digest,
  });
}

/** Throws NAME_UNKNOWN. */
export function answerTags(content: Content, { repository }: Route, query: URLSearchParams): Answer {
  const tags = content.tags(parseRepositoryName(repository));
  if (tags === undefined) throw unknownRepository(repository);
  return answerPage(tags, query, {
    path: `/v2/${repository}/tags/list`,
    bodyOf: (page) => ({ name: repository, tags: page }),
  });
}

export function answerCatalog(content: Content, query: URLSearchParams): Answer {
  return answerPage(content.repositories(), query, {
    path: '/v2/_catalog',
    bodyOf: (page) => ({ repositories: page }),
  });
}

function unknownRepository(repository: string): OciError {
  return new OciError('NAME_UNKNOWN', `there is no repository ${repository}`);
}

interface Listing {
  readonly path: string;
  readonly bodyOf: (page: readonly string[]) => object;
}

// distribution-spec §Listing Tags: `n` entries after `last`, and a Link while there are more; n=0 is an empty list.
function answerPage(names: readonly string[], query: URLSearchParams, { path, bodyOf }: Listing): Answer {
  const limit = query.get('n');
  if (limit !== null && !/^\d+$/.test(limit)) {
    return jsonAnswer(400, { errors: [{ code: 'PAGINATION_NUMBER_INVALID', message: `"${limit}" is not a number` }] });
  }
  const last = query.get('last') ?? '';
  const rest = last === '' ? names : names.filter((name) => name > last);
  const page = limit === null ? rest : rest.slice(0, Number(limit));
  const end = page.at(-1);
  if (end === undefined || page.length === rest.length) return jsonAnswer(200, bodyOf(page));
  const link = `<${path}?last=${encodeURIComponent(end)}&n=${limit}>; rel="next"`;
  return jsonAnswer(200, bodyOf(page), { link });
}
