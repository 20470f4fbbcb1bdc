import { OciError } from '../oci/errors.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/remote-error.ts';

/**
 * Why an upstream's answer is missing: `limited` (it said when it may be asked again), `silent` (it did not answer in
 * time), `broken` (it answered what no registry answers, or cannot be reached).
 */
export type FailureKind = 'limited' | 'silent' | 'broken';

/** What a client is told that gets nothing because its upstream gave nothing; `message` begins with the upstream. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly kind: FailureKind;
  /** Until then asking again is of no use; `undefined`: it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number | undefined },
  ) {
    super(message, options);
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const LIMITED: ReadonlySet<RemoteErrorCode> = new Set(['PULL_LIMIT', 'RATE_LIMIT']);
const REFUSED: ReadonlySet<RemoteErrorCode> = new Set(['UNAUTHORIZED', 'DENIED', 'REALM']);

export interface FailureContext {
  /** What a 404 of the upstream means. */
  readonly unknown: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN';
  /** How long there are no pulls yet, where that is known. */
  readonly pullsBackInMs?: number | undefined;
}

/**
 * An upstream's failure as its client is to see it: MANIFEST_UNKNOWN, BLOB_UNKNOWN or NAME_UNKNOWN where it says that
 * there is no such thing, DENIED where it refuses us, UpstreamFailure for everything else that is its fault. What is no
 * RemoteError is given back as it is.
 */
export function failureFor(error: unknown, { unknown, pullsBackInMs }: FailureContext): unknown {
  if (!(error instanceof RemoteError)) return error;
  const { code, message } = error;
  const retryAfterMs = error.retryAfterMs ?? (code === 'PULL_LIMIT' ? pullsBackInMs : undefined);
  if (error.status === 404) return new OciError(code === 'NAME_UNKNOWN' ? code : unknown, message, { cause: error });
  if (REFUSED.has(code))
    return new OciError('DENIED', `the upstream refuses this server: ${message}`, { cause: error });
  const kind = LIMITED.has(code) ? 'limited' : code === 'TIMEOUT' ? 'silent' : 'broken';
  return new UpstreamFailure(kind, message, { cause: error, retryAfterMs });
}

/** What a question to an upstream ends with that was not answered in time. */
export function silence(waitedMs: number): UpstreamFailure {
  return new UpstreamFailure('silent', `the upstream did not answer within ${waitedMs / 1000} s`, {});
}
