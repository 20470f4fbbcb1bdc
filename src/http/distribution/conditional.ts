import type { TagGuard } from '../../oci/tag-guard.ts';
import { Refusal } from './errors.ts';
import type { GuardedCall } from './hosted-repository.ts';
import type { HttpRequest } from './request.ts';

export function etagOf(digest: string): string {
  return `"${digest}"`;
}

/** RFC 9110 §13.1.2: whether the client holds these bytes already. */
export function isKnownToClient(request: HttpRequest, digest: string): boolean {
  return names(request.header('if-none-match'), digest, { weakly: true });
}

/**
 * RFC 9110 §13.1: `If-None-Match: *` is to make a tag that is not there, `If-Match: "<digest>"` to change one only from
 * what the client knows. Looked at where the tag is changed; answered 412 where it does not hold.
 */
export function guardedCall(request: HttpRequest): GuardedCall {
  const ifMatch = request.header('if-match');
  const ifNoneMatch = request.header('if-none-match');
  if (ifMatch === undefined && ifNoneMatch === undefined) return request;
  const guard: TagGuard = ({ tag, from }) => {
    if (ifMatch !== undefined && (from === undefined || !names(ifMatch, from))) {
      const meaning = from === undefined ? 'is not there' : `means ${from}`;
      throw new Refusal(412, 'DENIED', `the tag ${tag} ${meaning}, which is not what If-Match asks for`);
    }
    if (from !== undefined && isKnownToClient(request, from)) {
      throw new Refusal(412, 'DENIED', `the tag ${tag} means ${from} already, which If-None-Match rules out`);
    }
  };
  return { signal: request.signal, guard };
}

function names(header: string | undefined, digest: string, { weakly = false } = {}): boolean {
  const etag = etagOf(digest);
  return (header ?? '').split(',').some((part) => {
    const candidate = part.trim();
    return candidate === '*' || candidate === etag || (weakly && candidate === `W/${etag}`);
  });
}

/** RFC 9110 §13.1.5: the range is meant only for the bytes that the client saw before. A date never matches. */
export function isRangeMeantFor(request: HttpRequest, digest: string): boolean {
  const header = request.header('if-range');
  return header === undefined || header === etagOf(digest);
}
