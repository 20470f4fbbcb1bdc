import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../async/clock.ts';
import type { RequestFacts } from './distribution/request-facts.ts';
import type { HttpRequest } from './distribution/request.ts';
import { IncomingBody } from './incoming-body.ts';
import type { MinimumProgress } from './minimum-progress.ts';

export interface RequestLine {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Which endpoint answered, where the handler says so: one of a few words. */
  readonly route: string | undefined;
  readonly facts: Readonly<RequestFacts>;
  readonly remoteAddress: string;
  /** 499 when the client left before there was an answer. */
  readonly status: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  /** Until the first byte of the answer was given to the connection; `undefined` when none was. */
  readonly firstByteMs?: number | undefined;
  /** `false` when the client got less than the whole answer. */
  readonly isComplete: boolean;
  /** Whether it went wrong on our side: a 500, or a body that broke off although the client was still there. */
  readonly isOurFault: boolean;
  /** Why the answer is a 500, or why it broke off. */
  readonly error?: unknown;
}

/** As nginx has it. */
const CLIENT_GONE = 499;
/** Bad Gateway and Gateway Timeout: an upstream's. */
const OF_OTHERS: ReadonlySet<number> = new Set([502, 504]);

export interface Watched {
  readonly progress: MinimumProgress;
  readonly end: () => void;
}

interface ExchangeOptions {
  readonly awaitsContinue: boolean;
  readonly watch: (socket: Socket) => Watched;
  readonly clock: Clock;
}

/** One request with its answer, and what is told of them afterwards. */
export class Exchange implements HttpRequest {
  readonly id: string;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly localPort: number | undefined;
  readonly isSecure: boolean;
  readonly #options: ExchangeOptions;
  readonly #hasBody: boolean;
  readonly #queryText: string;
  #body: IncomingBody | undefined;
  #query: URLSearchParams | undefined;
  #aborted: AbortController | undefined;
  route: string | undefined;
  readonly #facts: RequestFacts = {};
  bytesSent = 0;
  readonly #startedMs: number;
  #firstByteMs: number | undefined;
  isBrokenHere = false;
  error: unknown;

  constructor(id: string, message: IncomingMessage, response: ServerResponse, options: ExchangeOptions) {
    this.id = id;
    this.message = message;
    this.response = response;
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
    const { url = '', headers } = message;
    this.#hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    this.method = message.method ?? '';
    // RFC 9112 §3.2.2: a server takes the absolute form, too.
    const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.#queryText = question < 0 ? '' : target.slice(question + 1);
    this.remoteAddress = message.socket.remoteAddress ?? '';
    this.localPort = message.socket.localPort;
    this.isSecure = 'encrypted' in message.socket;
  }

  get body(): IncomingBody {
    const { message, response } = this;
    const { awaitsContinue, watch } = this.#options;
    this.#body ??= new IncomingBody(message, {
      hasBody: this.#hasBody,
      watch: () => watch(message.socket),
      sendContinue: awaitsContinue ? () => response.writeContinue() : undefined,
    });
    return this.#body;
  }

  /** Whether the client has sent, or will send, what nobody has read. */
  get leavesBody(): boolean {
    return this.#hasBody && this.body.isUnread;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  get signal(): AbortSignal {
    this.#aborted ??= this.#abortOnClose();
    return this.#aborted.signal;
  }

  header(name: string): string | undefined {
    const value = this.message.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  note(fact: keyof RequestFacts, value: string | undefined): void {
    this.#facts[fact] = value;
  }

  /** The first byte of the answer is given to the connection; later ones are not noted. */
  noteFirstByte(): void {
    this.#firstByteMs ??= this.#elapsedMs;
  }

  /** Of a request that is over. */
  outcome(): RequestLine {
    const { headersSent, statusCode, writableFinished } = this.response;
    const status = headersSent ? statusCode : CLIENT_GONE;
    return {
      id: this.id,
      method: this.method,
      path: this.path,
      route: this.route,
      facts: this.#facts,
      remoteAddress: this.remoteAddress,
      status,
      bytesSent: this.bytesSent,
      durationMs: this.#elapsedMs,
      firstByteMs: this.#firstByteMs,
      isComplete: writableFinished,
      isOurFault: this.isBrokenHere || (writableFinished && status >= 500 && !OF_OTHERS.has(status)),
      ...(this.error !== undefined && { error: this.error }),
    };
  }

  get #elapsedMs(): number {
    return this.#options.clock.monotonic() - this.#startedMs;
  }

  #abortOnClose(): AbortController {
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (this.message.socket.destroyed) abort();
    this.message.socket.once('close', abort);
    this.response.once('close', () => this.message.socket.off('close', abort));
    return controller;
  }
}
