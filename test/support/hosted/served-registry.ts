import { systemClock } from '../../../src/async/clock.ts';
import type { HttpHandler } from '../../../src/http/distribution/request.ts';
import { registryHandler } from '../../../src/http/distribution/registry-handler.ts';
import type { RequestLine } from '../../../src/http/exchange.ts';
import { HttpServer, type HttpServerOptions } from '../../../src/http/node.ts';
import { MemoryRegistry } from './memory-registry.ts';

export type RequestBody = NonNullable<RequestInit['body']>;

export interface Served extends AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;
  readonly lines: readonly RequestLine[];
  readonly send: (
    method: string,
    path: string,
    more?: { headers?: Record<string, string>; body?: RequestBody },
  ) => Promise<Response>;
}

/** A handler on a free port of this machine. */
export async function serve(handler: HttpHandler, options: Partial<HttpServerOptions> = {}): Promise<Served> {
  const lines: RequestLine[] = [];
  let count = 0;
  const server = await HttpServer.open({
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    handler,
    clock: systemClock,
    newId: () => String((count += 1)),
    onFinished: (line) => lines.push(line),
    ...options,
  });
  const port = server.address.kind === 'tcp' ? server.address.port : 0;
  return {
    server,
    port,
    lines,
    send: (method, path, more = {}) => {
      // Streams need to be told that the answer may only come after them.
      const init: RequestInit = { method, redirect: 'manual', duplex: 'half', ...more };
      return fetch(`http://127.0.0.1:${port}${path}`, init);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function serveRegistry(options: { immutableTags?: RegExp; isReadOnly?: boolean } = {}): Promise<Served> {
  return serve(registryHandler(new MemoryRegistry(options), options));
}
