import type { HttpRequest } from './request.ts';

export function etagOf(digest: string): string {
  return `"${digest}"`;
}

/** RFC 9110 §13.1.2: whether the client holds these bytes already. */
export function isKnownToClient(request: HttpRequest, digest: string): boolean {
  const header = request.header('if-none-match');
  if (header === undefined) return false;
  const etag = etagOf(digest);
  return header.split(',').some((part) => {
    const candidate = part.trim();
    return candidate === '*' || candidate === etag || candidate === `W/${etag}`;
  });
}

/** RFC 9110 §13.1.5: the range is meant only for the bytes that the client saw before. A date never matches. */
export function isRangeMeantFor(request: HttpRequest, digest: string): boolean {
  const header = request.header('if-range');
  return header === undefined || header === etagOf(digest);
}
