// The only file that knows node:http and node:https. It turns requests into plain values for a handler, and answers into bytes.
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type Server as TlsServer, createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { BufferPool } from './buffer-pool.ts';
import { type Answer, discardBody } from './distribution/answer.ts';
import type { HttpHandler, HttpRequest } from './distribution/request.ts';
import { Exchange, type RequestLine, type Watched } from './exchange.ts';
import { listen } from './listen.ts';
import { MinimumProgress, type ProgressLimits } from './minimum-progress.ts';
import { Outlet } from './outlet.ts';
import { Pipeline } from './pipeline.ts';
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
  /** Speaks TLS with it. */
  readonly certificate?: ServerCertificate | undefined;
  /** Lets a connection in and gives what is to be called at its end, or `undefined`: then it is closed at once. */
  readonly admit?: ((remoteAddress: string) => (() => void) | undefined) | undefined;
  /** Told of the bytes of larger bodies that were sent; gives the milliseconds to wait before the next ones. */
  readonly sent?: ((request: HttpRequest, bytes: number) => number) | undefined;
  /** How often transfers are looked at that may have come to a standstill. */
  readonly progressCheckMs?: number | undefined;
}

/** PEM texts: the server's certificate with those that lead to its authority, and its key. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

const DEFAULT_PROGRESS: ProgressLimits = { graceMs: 60_000, bytesPerSecond: 4096 };
/** What is cut off has its signal aborted and its body failing, and hardly has more to do than to flush a file. */
const SETTLING_MS = 10_000;
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
const TLS_OPTIONS = { minVersion: 'TLSv1.2', handshakeTimeout: 30_000 } as const;

export class HttpServer implements AsyncDisposable {
  readonly #options: HttpServerOptions;
  readonly #server: Server | TlsServer;
  readonly #pool = new BufferPool();
  /** Connections that have not sent a request yet; Node does not count them as idle. */
  readonly #unused = new Set<Socket>();
  /** By where they come from, as what speaks TLS over a connection is another object. */
  readonly #handshaking = new Map<string, Socket>();
  readonly #pipelines = new WeakMap<Socket, Pipeline>();
  readonly #transfers = new Map<MinimumProgress, Socket>();
  /** What handlers and transfers have yet to do, also of connections that are gone. */
  readonly #running = new Set<Promise<void>>();
  #due: { readonly exchange: Exchange; readonly answer: Answer }[] = [];
  #address: ListenAddress;
  #checking: NodeJS.Timeout | undefined;
  #closed: Promise<number> | undefined;

  private constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#address = options.address;
    const { certificate } = options;
    this.#server =
      certificate === undefined
        ? createServer(SERVER_OPTIONS)
        : createTlsServer({ ...SERVER_OPTIONS, ...TLS_OPTIONS, ...certificate });
    this.#server
      .on('connection', (socket: Socket) => this.#accept(socket))
      .on('secureConnection', (socket: Socket) => {
        this.#handshaking.delete(originOf(socket));
        this.#await(socket);
      })
      .on('request', (message, response) => this.#receive(message, response, false))
      .on('checkContinue', (message, response) => this.#receive(message, response, true));
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

  /** Whether it speaks TLS. */
  get isSecure(): boolean {
    return this.#options.certificate !== undefined;
  }

  /** For the connections from now on; throws when the two do not belong together. Only of a server that speaks TLS. */
  useCertificate(certificate: ServerCertificate): void {
    if (!('setSecureContext' in this.#server)) throw new Error('this server does not speak TLS');
    this.#server.setSecureContext({ ...TLS_OPTIONS, ...certificate });
  }

  /**
   * Takes no more connections, closes idle ones, lets requests end, and ends those that last longer than `graceMs`.
   * Resolves when every handler has settled: what they use may be closed then. Who still runs ten seconds after his
   * connection was cut is not waited for; gives how many those are.
   */
  close(graceMs: number): Promise<number> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  async #close(graceMs: number): Promise<number> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of [...this.#unused, ...this.#handshaking.values()]) socket.destroy();
    const finished = new AbortController();
    const deadline = this.#options.clock.sleep(graceMs, finished.signal).then(
      () => this.#server.closeAllConnections(),
      () => undefined,
    );
    await closed;
    finished.abort();
    await deadline;
    clearInterval(this.#checking);
    return await this.#settle();
  }

  async #settle(): Promise<number> {
    const settled = new AbortController();
    const tooLate = this.#options.clock.sleep(SETTLING_MS, settled.signal).catch(() => undefined);
    // A handler that settles may begin a transfer, which finds its connection closed.
    const settle = async () => {
      while (this.#running.size > 0) await Promise.all(this.#running);
    };
    await Promise.race([settle(), tooLate]);
    settled.abort();
    return this.#running.size;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #accept(socket: Socket): void {
    const { admit } = this.#options;
    const end = admit === undefined ? noop : admit(socket.remoteAddress ?? '');
    if (end === undefined) {
      socket.destroy();
      return;
    }
    socket.once('close', end);
    if (this.#options.certificate === undefined) {
      this.#await(socket);
      return;
    }
    const origin = originOf(socket);
    this.#handshaking.set(origin, socket);
    socket.once('close', () => this.#handshaking.delete(origin));
  }

  /** For its first request. */
  #await(socket: Socket): void {
    // Each answer that is under way listens for the end of its connection.
    socket.setMaxListeners(0);
    this.#unused.add(socket);
    socket.once('close', () => this.#unused.delete(socket));
  }

  #endStandstills(): void {
    for (const [progress, socket] of this.#transfers) if (progress.isOver) socket.destroy();
  }

  #receive(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { socket } = message;
    this.#unused.delete(socket);
    const pipeline = this.#pipelines.get(socket) ?? new Pipeline(socket);
    this.#pipelines.set(socket, pipeline);
    pipeline.begin(() => {
      response.once('close', () => pipeline.end());
      this.#serve(message, response, awaitsContinue);
    });
  }

  #serve(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const { clock, newId, onFinished, handler } = this.#options;
    const exchange = new Exchange(newId(), message, response, { awaitsContinue, watch: this.#watch, clock });
    response.on('close', () => {
      if (this.#closed !== undefined) setImmediate(() => this.#server.closeIdleConnections());
      onFinished?.(exchange.outcome());
    });
    const answer = handler(exchange);
    if (answer instanceof Promise) this.#track(answer.then((given) => this.#send(exchange, given)));
    else this.#sendSoon(exchange, answer);
  }

  /**
   * At the end of this turn of the event loop, with all others that are known by then. Each one by itself would wake its
   * client anew, when that is on this machine: a client or a proxy, which is half of what a small answer costs.
   */
  #sendSoon(exchange: Exchange, answer: Answer): void {
    this.#due.push({ exchange, answer });
    if (this.#due.length === 1) setImmediate(this.#sendDue);
  }

  readonly #sendDue = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const { exchange, answer } of due) this.#send(exchange, answer);
  };

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
    exchange.route = answer.route;
    const { body } = answer;
    const isSmall = body === undefined || (body instanceof Uint8Array && body.byteLength <= SMALL_BYTES);
    const headers = headersOf(answer);
    headers['x-request-id'] = exchange.id;
    const leavesBody = exchange.leavesBody;
    if (leavesBody || this.#closed !== undefined) headers['connection'] = 'close';
    response.writeHead(answer.status, headers);
    if (isSmall && !leavesBody) {
      endWith(response, body);
      exchange.noteFirstByte();
      if (message.method !== 'HEAD') exchange.bytesSent = body?.byteLength ?? 0;
      if (response.socket === null) response.once('socket', (socket) => this.#awaitClient(socket, response));
      else if (message.socket.writableLength > 0) this.#awaitClient(message.socket, response);
      return;
    }
    const transfer = this.#transfer(exchange, body, Number(headers['content-length'] ?? 0)).catch((error: unknown) => {
      // The client learns from the broken connection that the answer is not whole.
      exchange.error ??= error;
      exchange.isBrokenHere = !message.socket.destroyed;
      response.destroy();
    });
    this.#track(transfer);
  }

  /** A small answer that did not leave at once: the client is behind, and may stay so only for a while. */
  #awaitClient(socket: Socket, response: ServerResponse): void {
    const { progress, end } = this.#watch(socket);
    progress.startWaiting();
    response.once('close', end);
  }

  async #transfer(exchange: Exchange, body: Answer['body'], sizeBytes: number): Promise<void> {
    const { response, message } = exchange;
    const { progress, end } = this.#watch(message.socket);
    const { clock, sent } = this.#options;
    const outlet = new Outlet(response, {
      sizeBytes,
      progress,
      onFirstBytes: () => exchange.noteFirstByte(),
      pause: sent && ((bytes) => clock.sleep(sent(exchange, bytes), exchange.signal)),
    });
    const close = () => outlet.close();
    message.socket.once('close', close);
    try {
      if (message.socket.destroyed) outlet.close();
      if (response.socket === null) await awaitTurn(response, outlet, body);
      if (message.method === 'HEAD') await discardBody(body);
      else if (body !== undefined) await sendBody(body, outlet, this.#pool);
      // A connection that is closed while it still brings bytes would lose the answer on its way.
      if (exchange.leavesBody) {
        response.flushHeaders();
        await exchange.body.discard();
      }
    } finally {
      exchange.bytesSent = outlet.sentBytes;
      message.socket.off('close', close);
      end();
    }
    response.end();
    exchange.noteFirstByte();
  }

  readonly #watch = (socket: Socket): Watched => {
    const progress = new MinimumProgress(this.#options.clock, this.#options.progress ?? DEFAULT_PROGRESS);
    this.#transfers.set(progress, socket);
    return { progress, end: () => void this.#transfers.delete(progress) };
  };
}

function noop(): void {}

function originOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Node writes the head and a text at once, and the head and bytes as two: a tenth of what a small answer costs. */
function endWith(response: ServerResponse, body: Uint8Array | undefined): void {
  if (body === undefined) response.end();
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1');
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
  // A HEAD of what has a length that nobody knows yet.
  const isBodiless = status === 204 || status === 304 || 'transfer-encoding' in headers;
  const sizeBytes = body instanceof Uint8Array ? body.byteLength : 0;
  return isBodiless ? { ...headers } : { 'content-length': sizeBytes, ...headers };
}
