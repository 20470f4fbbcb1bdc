// The only file that knows node:http. It turns requests into plain values for a handler, and answers into bytes.
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { BufferPool } from './buffer-pool.ts';
import { type Answer, discardBody } from './distribution/answer.ts';
import type { HttpHandler, HttpRequest } from './distribution/request.ts';
import { IncomingBody } from './incoming-body.ts';
import { listen } from './listen.ts';
import { MinimumProgress, type ProgressLimits } from './minimum-progress.ts';
import { Outlet } from './outlet.ts';
import { sendBody } from './send-body.ts';

export interface HttpServerOptions {
  readonly address: ListenAddress;
  readonly handler: HttpHandler;
  readonly clock: Clock;
  /** Names a request for people: in its log line and in the header `x-request-id`. */
  readonly newId: () => string;
  /** Called once for each request, when its answer has left or its client has. */
  readonly onFinished?: ((line: RequestLine) => void) | undefined;
  readonly progress?: ProgressLimits | undefined;
  /** How often transfers are looked at that may have come to a standstill. */
  readonly progressCheckMs?: number | undefined;
}

export interface RequestLine {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly status: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  /** `false` when the client got less than the whole answer. */
  readonly isComplete: boolean;
  /** Why the answer is a 500, or why it broke off. */
  readonly error?: unknown;
}

const DEFAULT_PROGRESS: ProgressLimits = { graceMs: 60_000, bytesPerSecond: 4096 };
/** Answers that fit into the socket's buffer wait for nobody. */
const SMALL_BYTES = 64 * 1024;

const SERVER_OPTIONS = {
  // Pushes take as long as they take: MinimumProgress ends those that stand still.
  requestTimeout: 0,
  headersTimeout: 30_000,
  connectionsCheckingInterval: 10_000,
  // Longer than the 60 s of nginx, which otherwise sends a request into a connection that is just being closed.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16 * 1024,
  highWaterMark: 256 * 1024,
};

export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #pool = new BufferPool();
  /** Connections that have not sent a request yet; Node does not count them as idle. */
  readonly #unused = new Set<Socket>();
  readonly #transfers = new Map<MinimumProgress, Socket>();
  #address: ListenAddress;
  #checking: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#server = createServer(SERVER_OPTIONS)
      .on('connection', (socket: Socket) => this.#accept(socket))
      .on('request', (message, response) => this.#serve(message, response, false))
      .on('checkContinue', (message, response) => this.#serve(message, response, true));
  }

  /** Rejects when the address cannot be listened on. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options);
    server.#address = await listen(server.#server, options.address);
    const check = () => server.#endStandstills();
    server.#checking = setInterval(check, options.progressCheckMs ?? 5000).unref();
    return server;
  }

  /** With the port that was taken where any was asked for. */
  get address(): ListenAddress {
    return this.#address;
  }

  /** Takes no more connections, closes idle ones, lets requests end, and ends those that last longer than `graceMs`. */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  async #close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#unused) socket.destroy();
    const finished = new AbortController();
    const deadline = this.#options.clock.sleep(graceMs, finished.signal).then(
      () => this.#server.closeAllConnections(),
      () => undefined,
    );
    await closed;
    finished.abort();
    await deadline;
    clearInterval(this.#checking);
  }

  #accept(socket: Socket): void {
    // Each answer that is under way listens for the end of its connection.
    socket.setMaxListeners(0);
    this.#unused.add(socket);
    socket.once('close', () => this.#unused.delete(socket));
  }

  #endStandstills(): void {
    for (const [progress, socket] of this.#transfers) if (progress.isOver) socket.destroy();
  }

  #serve(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    this.#unused.delete(message.socket);
    const { clock, newId, onFinished, handler } = this.#options;
    const exchange = new Exchange(newId(), message, response, this.#watch(message.socket), awaitsContinue);
    const startedMs = clock.monotonic();
    response.once('close', () => {
      if (this.#closed !== undefined) setImmediate(() => this.#server.closeIdleConnections());
      onFinished?.({ ...exchange.outcome(), durationMs: clock.monotonic() - startedMs });
    });
    const answer = handler(exchange);
    if (answer instanceof Promise) void answer.then((given) => this.#send(exchange, given));
    else this.#send(exchange, answer);
  }

  #send(exchange: Exchange, answer: Answer): void {
    try {
      this.#begin(exchange, answer);
    } catch (error) {
      exchange.error = error;
      exchange.response.destroy();
      void discardBody(answer.body).catch(() => undefined);
    }
  }

  #begin(exchange: Exchange, answer: Answer): void {
    const { response, message } = exchange;
    exchange.error = answer.error;
    const { body } = answer;
    const isSmall = body === undefined || (body instanceof Uint8Array && body.byteLength <= SMALL_BYTES);
    const headers = headersOf(answer);
    headers['x-request-id'] = exchange.id;
    const leavesBody = exchange.body.isUnread;
    if (leavesBody || this.#closed !== undefined) headers['connection'] = 'close';
    response.writeHead(answer.status, headers);
    if (isSmall && !leavesBody) {
      response.end(body);
      if (message.method !== 'HEAD') exchange.bytesSent = body?.byteLength ?? 0;
      if (response.socket === null) response.once('socket', (socket) => this.#awaitClient(socket, response));
      else if (message.socket.writableLength > 0) this.#awaitClient(message.socket, response);
      return;
    }
    void this.#transfer(exchange, body, Number(headers['content-length'] ?? 0)).catch((error: unknown) => {
      // The client learns from the broken connection that the answer is not whole.
      exchange.error ??= error;
      response.destroy();
    });
  }

  /** A small answer that did not leave at once: the client is behind, and may stay so only for a while. */
  #awaitClient(socket: Socket, response: ServerResponse): void {
    const { progress, end } = this.#watch(socket)();
    progress.startWaiting();
    response.once('close', end);
  }

  async #transfer(exchange: Exchange, body: Answer['body'], sizeBytes: number): Promise<void> {
    const { response, message } = exchange;
    const { progress, end } = this.#watch(message.socket)();
    const outlet = new Outlet(response, sizeBytes, progress);
    const close = () => outlet.close();
    message.socket.once('close', close);
    try {
      if (message.socket.destroyed) outlet.close();
      if (response.socket === null) await awaitTurn(response, outlet, body);
      if (message.method === 'HEAD') await discardBody(body);
      else if (body !== undefined) await sendBody(body, outlet, this.#pool);
      // A connection that is closed while it still brings bytes would lose the answer on its way.
      if (exchange.body.isUnread) {
        response.flushHeaders();
        await exchange.body.discard();
      }
    } finally {
      exchange.bytesSent = outlet.sentBytes;
      message.socket.off('close', close);
      end();
    }
    response.end();
  }

  #watch(socket: Socket): () => { progress: MinimumProgress; end: () => void } {
    return () => {
      const progress = new MinimumProgress(this.#options.clock, this.#options.progress ?? DEFAULT_PROGRESS);
      this.#transfers.set(progress, socket);
      return { progress, end: () => void this.#transfers.delete(progress) };
    };
  }
}

/** One request with its answer. */
class Exchange implements HttpRequest {
  readonly id: string;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: IncomingBody;
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly #queryText: string;
  #query: URLSearchParams | undefined;
  #aborted: AbortController | undefined;
  bytesSent = 0;
  error: unknown;

  constructor(
    id: string,
    message: IncomingMessage,
    response: ServerResponse,
    watch: () => { progress: MinimumProgress; end: () => void },
    awaitsContinue: boolean,
  ) {
    this.id = id;
    this.message = message;
    this.response = response;
    const { url = '', headers } = message;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    const sendContinue = awaitsContinue ? () => response.writeContinue() : undefined;
    this.body = new IncomingBody(message, { hasBody, watch, sendContinue });
    this.method = message.method ?? '';
    // RFC 9112 §3.2.2: a server takes the absolute form, too.
    const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.#queryText = question < 0 ? '' : target.slice(question + 1);
    this.remoteAddress = message.socket.remoteAddress ?? '';
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

  outcome(): Omit<RequestLine, 'durationMs'> {
    return {
      id: this.id,
      method: this.method,
      path: this.path,
      remoteAddress: this.remoteAddress,
      status: this.response.statusCode,
      bytesSent: this.bytesSent,
      isComplete: this.response.writableFinished,
      ...(this.error !== undefined && { error: this.error }),
    };
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

/** Requests may come in a row: an answer begins when those before it have left, or never. */
async function awaitTurn(response: ServerResponse, outlet: Outlet, body: Answer['body']): Promise<void> {
  try {
    await outlet.whileConnected(once(response, 'socket'));
  } catch (error) {
    await discardBody(body);
    throw error;
  }
}

function headersOf({ status, headers, body }: Answer): Record<string, string | number> {
  const isBodiless = status === 204 || status === 304;
  const sizeBytes = body instanceof Uint8Array ? body.byteLength : 0;
  return isBodiless ? { ...headers } : { 'content-length': sizeBytes, ...headers };
}
