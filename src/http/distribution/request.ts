import type { Answer } from './answer.ts';
import type { RequestFacts } from './request-facts.ts';

/** A request as a plain value, of whatever runtime. It is itself the `Call` that ports are given. */
export interface HttpRequest {
  readonly method: string;
  /** As it was sent: still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; `undefined` when it was not sent. */
  header(name: string): string | undefined;
  /** May be read once, or not at all. It fails when the client leaves before its end. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly remoteAddress: string;
  /** The port that it came in at; `undefined` for a unix socket. */
  readonly localPort: number | undefined;
  /** Whether it came by TLS that ended here, and not at a proxy in front. */
  readonly isSecure?: boolean | undefined;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
  /** Tells the log more of it, where there is one. */
  note?(fact: keyof RequestFacts, value: string | undefined): void;
}

/** Never throws and never rejects: every failure is an answer. */
export type HttpHandler = (request: HttpRequest) => Answer | Promise<Answer>;

/** The length that the client announced; `undefined` when it announced none. */
export function contentLengthOf(request: HttpRequest): number | undefined {
  const text = request.header('content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
