import { errorAnswer, Refusal } from '../distribution/errors.ts';
import type { HttpHandler, HttpRequest } from '../distribution/request.ts';
import type { Limiter } from './limiter.ts';

const BRINGS_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
/** There is no telling when an upload ends. */
const UPLOAD_RETRY_S = 10;

/** Answers 429 to who asks for more than he may; `clientOf` says who asks. */
export function limitedHandler(
  handler: HttpHandler,
  limiter: Limiter,
  clientOf: (request: HttpRequest) => string,
): HttpHandler {
  return (request) => {
    const client = clientOf(request);
    const waitMs = limiter.request(client);
    if (waitMs > 0) return tooMany('requests', waitMs / 1000);
    if (!BRINGS_CONTENT.has(request.method)) return handler(request);
    const end = limiter.beginUpload(client);
    if (end === undefined) return tooMany('uploads at once', UPLOAD_RETRY_S);
    const answer = handler(request);
    if (answer instanceof Promise) return answer.finally(end);
    end();
    return answer;
  };
}

// RFC 6585 §4
function tooMany(what: string, afterS: number) {
  const message = `too many ${what} for this registry, from you or from all; it will be glad to answer a little later`;
  return errorAnswer(new Refusal(429, 'TOOMANYREQUESTS', message, { 'retry-after': Math.max(1, Math.ceil(afterS)) }));
}
