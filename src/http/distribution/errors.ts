import { OCI_ERRORS, OciError, type OciErrorCode } from '../../oci/errors.ts';
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

/** distribution-spec §Error Codes. What is neither OciError nor Refusal is a failure of ours, whose words stay here. */
export function errorAnswer(error: unknown): Answer {
  if (error instanceof OciError) return failure(error.status, error.code, error.message);
  if (error instanceof Refusal) return failure(error.status, error.code, error.message, error.headers);
  const [status, message] = OCI_ERRORS.UNKNOWN;
  return { ...failure(status, 'UNKNOWN', message), error };
}

function failure(status: number, code: string, message: string, headers?: Answer['headers']): Answer {
  return jsonAnswer(status, { errors: [{ code, message }] }, headers);
}
