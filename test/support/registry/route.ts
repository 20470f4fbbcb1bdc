import type { RequestKind } from '../origin/request.ts';

/** What a path of the distribution API names. Names hold slashes, so a path is told apart by its end. */
export interface Route {
  readonly kind: 'ping' | 'catalog' | 'tags' | 'manifest' | 'blob' | 'upload' | 'referrers' | 'other';
  readonly repository: string;
  /** The tag or digest, the blob's digest, or the upload session. */
  readonly reference: string;
}

const PATTERNS = [
  ['manifest', /^\/v2\/(.+)\/manifests\/([^/]+)$/],
  ['upload', /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/],
  ['blob', /^\/v2\/(.+)\/blobs\/([^/]+)$/],
  ['referrers', /^\/v2\/(.+)\/referrers\/([^/]+)$/],
  ['tags', /^\/v2\/(.+)\/tags\/list()$/],
  ['catalog', /^\/v2\/_catalog$/],
  ['ping', /^\/v2\/$/],
] as const;

export function routeOf(path: string): Route {
  for (const [kind, pattern] of PATTERNS) {
    const match = pattern.exec(path);
    if (match) return { kind, repository: match[1] ?? '', reference: match[2] ?? '' };
  }
  return { kind: 'other', repository: '', reference: '' };
}

export function classifyRegistry(method: string, path: string, query: URLSearchParams): RequestKind {
  if (path === '/token') return 'token';
  const { kind } = routeOf(path);
  if (kind === 'referrers') return 'other';
  return kind === 'upload' && method === 'POST' && query.has('mount') ? 'mount' : kind;
}
