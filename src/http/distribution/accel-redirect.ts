// nginx in front sends files faster than whoever stands behind it could hand it their bytes: it is told which file.
import { type Answer, discardBody, isFileSlice } from './answer.ts';
import type { HttpHandler, HttpRequest } from './request.ts';

export interface AccelRedirectOptions {
  /** Where the proxy has the folder of blobs, without a slash at the end: `/_blobs`. */
  readonly prefix: string;
  /** Whether what a request's peer says of itself is believed. */
  readonly isTrusted: (request: HttpRequest) => boolean;
}

/** nginx makes its own of these: of a range, when it is asked for one. */
const MADE_BY_PROXY: ReadonlySet<string> = new Set(['content-length', 'content-range', 'accept-ranges']);

/**
 * Where a trusted proxy says that it can (`X-Sendfile-Type: X-Accel-Redirect`), it gets the name of a blob's file in place
 * of the bytes, and all headers that say what they are. A client of this machine that shares the proxy's address does not
 * say it, and gets bytes.
 *
 * Until the proxy opens the file nobody holds it, and a collection or an eviction may take it away in between. The proxy
 * then asks again without saying so, and gets what anybody gets; so it does where it may not read the folder.
 */
export function withAccelRedirect(handler: HttpHandler, { prefix, isTrusted }: AccelRedirectOptions): HttpHandler {
  return (request) => {
    const isAsked = request.header('x-sendfile-type') === 'X-Accel-Redirect' && isTrusted(request);
    const answer = handler(request);
    if (!isAsked) return answer;
    return answer instanceof Promise ? answer.then((given) => redirected(given, prefix)) : redirected(answer, prefix);
  };
}

async function redirected(answer: Answer, prefix: string): Promise<Answer> {
  const { body, headers } = answer;
  if (body === undefined || body instanceof Uint8Array || !isFileSlice(body) || body.place === undefined) return answer;
  const { place } = body;
  await discardBody(body);
  const kept = Object.entries(headers).filter(([name]) => !MADE_BY_PROXY.has(name));
  // The proxy cuts out the range that was asked for, and says so: to it this is the whole.
  return {
    ...answer,
    status: 200,
    headers: { ...Object.fromEntries(kept), 'x-accel-redirect': `${prefix}/${place}` },
    body: undefined,
  };
}
