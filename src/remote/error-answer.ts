// Turns a refusing answer into a RemoteError: the only place that knows what statuses and error bodies mean.
import { z } from 'zod';
import { isOciErrorCode } from '../oci/errors.ts';
import { printable } from './printable.ts';
import { parsePullLimit } from './pull-limit.ts';
import { RemoteError, type RemoteErrorCode } from './remote-error.ts';
import { retryAfterMs } from './retry-after.ts';
import type { ResponseHeaders, SendResponse } from './send.ts';

const MAX_ERROR_BYTES = 64 * 1024;
const LONGEST_QUOTE = 200;

const errorBody = z.object({
  errors: z.array(z.object({ code: z.string().catch(''), message: z.string().catch('') })).min(1),
});

/** Reads the answer's body, at most 64 KiB of it. `what` completes "refused": `the manifest of library/nginx:1`. */
export async function errorFromAnswer(
  host: string,
  response: SendResponse,
  what: string,
  nowMs: number,
): Promise<RemoteError> {
  const { status, headers } = response;
  const text = await response.body.bytes(MAX_ERROR_BYTES).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => '',
  );
  const { code, said } = readErrorBody(text);
  const options = { status, retryAfterMs: retryAfterMs(headers, nowMs), pullLimit: parsePullLimit(headers) };
  const kind = isFull(status, text) ? 'STORAGE_FULL' : classify(status, code, said, headers);
  return new RemoteError(host, kind, sentence(kind, status, what, said, headers), options);
}

function readErrorBody(text: string): { code: string; said: string } {
  try {
    const first = errorBody.parse(JSON.parse(text)).errors[0];
    return { code: first?.code ?? '', said: quotable(first?.message ?? '') };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return { code: '', said: plainText(text) };
    throw error;
  }
}

function classify(status: number, code: string, said: string, headers: ResponseHeaders): RemoteErrorCode {
  if (status === 429 || code === 'TOOMANYREQUESTS')
    return isPullLimit(code, said, headers) ? 'PULL_LIMIT' : 'RATE_LIMIT';
  if (status === 413) return 'TOO_LARGE';
  if (status >= 500 || status === 408 || status === 499) return 'SERVER_ERROR';
  if (isOciErrorCode(code) && code !== 'UNKNOWN' && code !== 'UNAVAILABLE' && code !== 'TOOMANYREQUESTS') return code;
  if (status === 401) return 'UNAUTHORIZED';
  if (status === 403) return 'DENIED';
  if (status === 405) return 'UNSUPPORTED';
  return 'NOT_A_REGISTRY';
}

// docker-registry hides it in the details, in words or as the number that Linux has for it.
function isFull(status: number, text: string): boolean {
  return status === 507 || (status >= 500 && /no space left|disk quota|insufficient storage|"Err":28\b/i.test(text));
}

/**
 * The two kinds of 429: a spent pull limit says so in an error body with rate headers, and only the window helps; the
 * other kind is plain text or without rate headers, and means "slower". The answer to a HEAD has the headers alone.
 */
function isPullLimit(code: string, said: string, headers: ResponseHeaders): boolean {
  if (/pull rate limit/i.test(said)) return true;
  return (code === 'TOOMANYREQUESTS' || said === '') && /^0\b/.test(headers.get('ratelimit-remaining') ?? '');
}

function sentence(code: RemoteErrorCode, status: number, what: string, said: string, headers: ResponseHeaders): string {
  const quote = said === '' ? '' : `: "${said}"`;
  if (code === 'PULL_LIMIT') return `has no pulls left in this window for ${what}${quote}`;
  if (code === 'RATE_LIMIT') return `answered 429, too many requests, for ${what}${quote}`;
  if (code === 'STORAGE_FULL') return `has no space left for ${what}${quote}; free some there`;
  if (code === 'TOO_LARGE') return `refuses the size of ${what} (413)${quote}; a proxy before it may limit bodies`;
  if (code === 'UNAUTHORIZED') return `wants a login for ${what}${quote}; try \`wharf login\``;
  if (code === 'DENIED') return `denies access to ${what}${quote}; it may not exist, or the login lacks the right`;
  if (code === 'UNSUPPORTED') return `does not allow this for ${what} (${status})${quote}; it may be read-only`;
  if (code === 'NOT_A_REGISTRY') {
    return `answered ${status} ${headers.get('content-type') ?? ''} for ${what}, which is no registry's answer`;
  }
  return `answered ${status} for ${what}${quote}`;
}

function plainText(text: string): string {
  return /^\s*</.test(text) ? '' : quotable(text);
}

function quotable(text: string): string {
  const line = printable(text);
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}…` : line;
}
