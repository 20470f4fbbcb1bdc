/**
 * The error codes of the distribution specification (§Error Codes) and the few that registries add.
 * Table -> type -> constructor: a code that is not here cannot be thrown.
 */
export const OCI_ERRORS = {
  BLOB_UNKNOWN: [404, 'blob unknown to registry'],
  BLOB_UPLOAD_INVALID: [404, 'blob upload invalid'],
  BLOB_UPLOAD_UNKNOWN: [404, 'blob upload unknown to registry'],
  DIGEST_INVALID: [400, 'provided digest did not match uploaded content'],
  MANIFEST_BLOB_UNKNOWN: [400, 'manifest references a manifest or blob unknown to registry'],
  MANIFEST_INVALID: [400, 'manifest invalid'],
  MANIFEST_UNKNOWN: [404, 'manifest unknown to registry'],
  NAME_INVALID: [400, 'invalid repository name'],
  NAME_UNKNOWN: [404, 'repository name not known to registry'],
  SIZE_INVALID: [400, 'provided length did not match content length'],
  UNAUTHORIZED: [401, 'authentication required'],
  DENIED: [403, 'requested access to the resource is denied'],
  UNSUPPORTED: [405, 'the operation is unsupported'],
  TOOMANYREQUESTS: [429, 'too many requests'],
  TAG_INVALID: [400, 'manifest tag is not valid'],
  RANGE_INVALID: [416, 'invalid content range'],
  UNKNOWN: [500, 'unknown error'],
  UNAVAILABLE: [503, 'service unavailable'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type OciErrorCode = keyof typeof OCI_ERRORS;

/** A violation of the protocol or its grammar, in the words of the specification. */
export class OciError extends Error {
  override readonly name = 'OciError';
  readonly code: OciErrorCode;

  constructor(code: OciErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? OCI_ERRORS[code][1], options);
    this.code = code;
  }

  /** The HTTP status that belongs to the code. */
  get status(): number {
    return OCI_ERRORS[this.code][0];
  }
}

/** Whether an error, wherever it comes from, says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 404;
}

export function isOciErrorCode(text: string): text is OciErrorCode {
  return Object.hasOwn(OCI_ERRORS, text);
}
