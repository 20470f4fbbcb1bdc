import type { OciErrorCode } from '../oci/errors.ts';
import { printable } from './printable.ts';
import type { PullLimit } from './pull-limit.ts';
import type { SendFailure } from './send.ts';

/**
 * What went wrong at a registry. Beyond the codes of the specification: PULL_LIMIT (the window's pulls are spent) and
 * RATE_LIMIT (too fast) are the two kinds of 429; REALM (a login is asked for somewhere that may not see it);
 * STORAGE_FULL and TOO_LARGE; NOT_A_REGISTRY (an answer that no registry gives); SERVER_ERROR; DOWN (it has failed for
 * minutes, and was not asked).
 */
export type RemoteErrorCode =
  | Exclude<OciErrorCode, 'TOOMANYREQUESTS' | 'UNKNOWN' | 'UNAVAILABLE'>
  | SendFailure
  | 'PULL_LIMIT'
  | 'RATE_LIMIT'
  | 'REALM'
  | 'STORAGE_FULL'
  | 'TOO_LARGE'
  | 'NOT_A_REGISTRY'
  | 'SERVER_ERROR'
  | 'DOWN';

/** Trying again can help with these, and with no others. */
const RETRYABLE: ReadonlySet<RemoteErrorCode> = new Set([
  'NAME_RESOLUTION',
  'CONNECTION_REFUSED',
  'CONNECTION_LOST',
  'TIMEOUT',
  'NOT_HTTP',
  'PROXY',
  'RATE_LIMIT',
  'SERVER_ERROR',
  'BLOB_UPLOAD_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'DIGEST_INVALID',
  'SIZE_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
]);

interface RemoteErrorOptions extends ErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly pullLimit?: PullLimit | undefined;
}

/** An outside failure: `message` is a sentence that begins with the host at fault. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly host: string;
  readonly code: RemoteErrorCode;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** What the refusing answer said of the pull limit. */
  readonly pullLimit: PullLimit | undefined;

  constructor(host: string, code: RemoteErrorCode, message: string, options: RemoteErrorOptions = {}) {
    super(printable(`${host} ${message}`), options);
    this.host = host;
    this.code = code;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.pullLimit = options.pullLimit;
  }

  get isRetryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}
