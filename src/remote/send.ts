// The network port: one HTTP exchange, nothing more. No redirects, no retries, no decoding.

/**
 * Whom the request may reach once its host name is resolved: `configured` means a URL that a person wrote down, which
 * is trusted except for metadata addresses; `public` refuses loopback, private and link-local addresses too, since the
 * URL came from outside.
 */
export type Reach = 'configured' | 'public';

export interface SendRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** Length of a streamed body; sent as Content-Length. */
  readonly sizeBytes?: number | undefined;
  readonly reach: Reach;
  /** How long the answer's headers may take after the request has been sent. */
  readonly headersTimeoutMs: number;
  /** How long the answer's body may pause, and how long the other side may leave a part of ours untaken. */
  readonly idleTimeoutMs: number;
  /** The answer's body goes to somebody else as it comes, and its pauses are theirs: a runtime that can may pass it by us. */
  readonly isPassedOn?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SendResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Exactly one of its methods is to be called, once: it is what frees the connection. */
  readonly body: ResponseBody;
}

export interface ResponseHeaders {
  /** The first value, by lower-case name. */
  get(name: string): string | undefined;
  /** All values, as a header such as WWW-Authenticate may come several times. */
  all(name: string): readonly string[];
}

interface ResponseBody {
  stream(): ReadableStream<Uint8Array>;
  /** Reads it whole. Throws SIZE_INVALID past `maxBytes`. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  discard(): Promise<void>;
}

/** Rejects with a SendError when there was no answer, or with the signal's reason. */
export type Send = (request: SendRequest) => Promise<SendResponse>;

export type SendFailure =
  | 'NAME_RESOLUTION'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_LOST'
  | 'TLS'
  | 'TIMEOUT'
  | 'FORBIDDEN_ADDRESS'
  | 'PROXY'
  | 'PROXY_REFUSED'
  | 'NOT_HTTP';

/** Why no answer came. The message says it in words without naming the host; `detail` is what the system called it. */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly failure: SendFailure;
  readonly detail: string | undefined;

  constructor(failure: SendFailure, message: string, options?: ErrorOptions & { readonly detail?: string }) {
    super(message, options);
    this.failure = failure;
    this.detail = options?.detail;
  }
}
