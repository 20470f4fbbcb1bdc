import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, answerOf, sizeOf, sliceParts } from './answer.ts';
import type { Faults } from './faults.ts';
import { type Classify, type OriginName, type Request, readRequest } from './request.ts';

export interface OriginOptions {
  readonly name: OriginName;
  readonly classify: Classify;
  /** What it throws becomes an answer too. */
  readonly handle: (request: Request) => Answer | Promise<Answer>;
  readonly faults: Faults;
  /** Sent with every answer that does not set them itself. */
  readonly headers?: Answer['headers'] | undefined;
  /** Sees each request with the answer that is about to be sent. */
  readonly observe?: ((request: Request, answer: Answer) => void) | undefined;
  readonly latencyMs?: number | undefined;
  readonly port?: number | undefined;
}

/** One listener on 127.0.0.1. Disposing it ends all its connections at once. */
export interface Origin extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
}

export async function startOrigin(options: OriginOptions): Promise<Origin> {
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, (message, response) => {
    void serve(options, message, response);
  });
  server.listen({ host: '127.0.0.1', port: options.port ?? 0, backlog: 1024 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(options: OriginOptions, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = readRequest(options.name, message, options.classify);
  if (options.latencyMs) await sleep(options.latencyMs);
  const answer = await options.faults.answer(request, (seen) => handled(options, seen)).catch(answerOf);
  options.observe?.(request, answer);
  send(answer, response);
}

async function handled(options: OriginOptions, request: Request): Promise<Answer> {
  const answer = await answerOrError(options, request);
  return options.headers === undefined ? answer : { ...answer, headers: { ...options.headers, ...answer.headers } };
}

async function answerOrError(options: OriginOptions, request: Request): Promise<Answer> {
  try {
    return await options.handle(request);
  } catch (error) {
    return answerOf(error);
  }
}

function send(answer: Answer, response: ServerResponse): void {
  const { status, headers, body, delivery } = answer;
  if (delivery?.kind === 'hang') return;
  if (delivery?.kind === 'cut' && delivery.reset && delivery.atByte === 0) {
    response.socket?.resetAndDestroy();
    return;
  }
  const size = sizeOf(body);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
  if (!('content-length' in headers) && status !== 204) response.setHeader('content-length', size);
  else if (Number(headers['content-length'] ?? size) !== size) response.shouldKeepAlive = false;
  response.writeHead(status);
  if (delivery === undefined) sendAll(body, response);
  else sendUntilCut(sliceParts(body, 0, delivery.atByte), delivery.reset, response);
}

function sendAll(body: readonly Uint8Array[], response: ServerResponse): void {
  for (let index = 0; index < body.length - 1; index += 1) response.write(body[index]);
  response.end(body.at(-1));
}

function sendUntilCut(body: readonly Uint8Array[], reset: boolean, response: ServerResponse): void {
  response.flushHeaders();
  response.write(Buffer.concat(body), () => {
    if (reset) response.socket?.resetAndDestroy();
    else response.socket?.destroySoon();
  });
}
