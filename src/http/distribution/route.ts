import { type Digest, parseDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { type RepositoryName, type Tag, parseRepositoryName, parseTagOrDigest } from '../../oci/reference.ts';

/** distribution-spec §Endpoints, and the catalog, which registries add. */
export type Route =
  | { readonly kind: 'ping' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly name: RepositoryName }
  | { readonly kind: 'manifest'; readonly name: RepositoryName; readonly reference: Tag | Digest }
  | { readonly kind: 'blob'; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly name: RepositoryName }
  | { readonly kind: 'upload'; readonly name: RepositoryName; readonly id: string }
  | { readonly kind: 'referrers'; readonly name: RepositoryName; readonly digest: Digest };

const UPLOAD_ID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Reads a path that is still percent-encoded. Names hold slashes, and their components may be called `blobs`,
 * `manifests` or `tags`, so that only the end of a path tells what it is. Each segment is decoded once and may not
 * become two. `undefined` when there is no such endpoint. Throws NAME_INVALID, TAG_INVALID, DIGEST_INVALID or
 * BLOB_UPLOAD_UNKNOWN.
 */
export function parseRoute(path: string): Route | undefined {
  if (path === '/v2/' || path === '/v2') return { kind: 'ping' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  if (!path.startsWith('/v2/')) return undefined;
  const segments = path.slice('/v2/'.length).split('/');
  const last = segments.at(-1) ?? '';
  switch (segments.at(-2) ?? '') {
    case 'manifests':
      return { kind: 'manifest', name: nameOf(segments, 2), reference: parseTagOrDigest(decode(last)) };
    case 'blobs':
      return last === 'uploads'
        ? { kind: 'uploads', name: nameOf(segments, 2) }
        : { kind: 'blob', name: nameOf(segments, 2), digest: parseDigest(decode(last)) };
    case 'referrers':
      return { kind: 'referrers', name: nameOf(segments, 2), digest: parseDigest(decode(last)) };
    case 'tags':
      return last === 'list' ? { kind: 'tags', name: nameOf(segments, 2) } : undefined;
    case 'uploads':
      return segments.at(-3) === 'blobs' ? uploadRoute(nameOf(segments, 3), last) : undefined;
    default:
      return undefined;
  }
}

function uploadRoute(name: RepositoryName, id: string): Route {
  if (id === '') return { kind: 'uploads', name };
  if (!UPLOAD_ID.test(id)) throw new OciError('BLOB_UPLOAD_UNKNOWN', `there is no upload "${id.slice(0, 200)}"`);
  return { kind: 'upload', name, id };
}

function nameOf(segments: readonly string[], endLength: number): RepositoryName {
  return parseRepositoryName(segments.slice(0, -endLength).map(decode).join('/'));
}

function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  const decoded = decodeOnce(segment);
  // An encoded slash would make another name of this one, or another path, for whoever decodes it earlier or later.
  if (decoded === undefined || decoded.includes('/')) {
    throw new OciError('NAME_INVALID', `"${segment.slice(0, 200)}" is not a part of a repository's path`);
  }
  return decoded;
}

function decodeOnce(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
