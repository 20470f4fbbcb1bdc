import { StorageError, type StorageErrorCode } from '../../content/storage-error.ts';
import { DiskError, type DiskErrorCode } from '../../database/disk-error.ts';
import { OCI_ERRORS, OciError, type OciErrorCode } from '../../oci/errors.ts';
import { UpstreamFailure } from '../../pull-through/upstream-failure.ts';
import { type Answer, jsonAnswer } from './answer.ts';

/** A refusal with another status than OCI_ERRORS gives the code, or with headers that help the client to go on. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: OciErrorCode | 'PAGINATION_NUMBER_INVALID';
  readonly headers: Answer['headers'];

  constructor(status: number, code: Refusal['code'], message: string, headers: Answer['headers'] = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Seconds after which a disk may have room again, or whoever holds the database may have let go. */
const RETRY_AFTER_S = 10;
const REASONS: Readonly<Record<StorageErrorCode | DiskErrorCode, string>> = {
  STORAGE_FULL: 'its disk is full',
  DISK_FULL: 'its disk is full',
  STORAGE_FAILING: 'its disk cannot be used',
  DISK_FAILING: 'its disk cannot be used',
  FILE_BUSY: 'its database is busy',
  FILE_DAMAGED: 'its database is damaged',
};

/**
 * distribution-spec §Error Codes. What is neither OciError nor Refusal is a failure of ours, whose words stay here: they
 * may name what only the registry's owner is to know.
 */
export function errorAnswer(error: unknown): Answer {
  if (error instanceof OciError) return failure(error.status, error.code, error.message);
  if (error instanceof Refusal) return failure(error.status, error.code, error.message, error.headers);
  if (error instanceof UpstreamFailure) return upstreamAnswer(error);
  if (error instanceof StorageError || error instanceof DiskError) {
    const sentence = `the registry cannot do that now, as ${REASONS[error.code]}; try again later, or tell its owner`;
    const headers = { 'retry-after': RETRY_AFTER_S };
    return { ...failure(OCI_ERRORS.UNAVAILABLE[0], 'UNAVAILABLE', sentence, headers), error };
  }
  const [status, message] = OCI_ERRORS.UNKNOWN;
  return { ...failure(status, 'UNKNOWN', message), error };
}

/** RFC 9110 §15.6.3, §15.6.5, and RFC 6585 §4: the true reason, never a made-up 404. */
function upstreamAnswer(error: UpstreamFailure): Answer {
  const { kind, message, retryAfterMs } = error;
  const headers = retryAfterMs === undefined ? {} : { 'retry-after': Math.max(1, Math.ceil(retryAfterMs / 1000)) };
  if (kind === 'limited') return failure(OCI_ERRORS.TOOMANYREQUESTS[0], 'TOOMANYREQUESTS', message, headers);
  return { ...failure(kind === 'silent' ? 504 : 502, 'UNAVAILABLE', message, headers), error };
}

function failure(status: number, code: string, message: string, headers?: Answer['headers']): Answer {
  return jsonAnswer(status, { errors: [{ code, message }] }, headers);
}
