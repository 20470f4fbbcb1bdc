// A server that refuses everything and says in doing so all that it was sent, decoded, too: the worst place for a login.
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EchoServerOptions {
  /** What it gives for a login; without it the login comes with every request. */
  readonly token?: string | undefined;
  readonly asked: () => void;
}

export interface EchoServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** What was sent to prove who asks. */
  readonly authorizations: ReadonlySet<string>;
}

export async function startEchoServer({ token, asked }: EchoServerOptions): Promise<EchoServer> {
  const authorizations = new Set<string>();
  let url = '';
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    asked();
    const { authorization = request.headers['proxy-authorization'] } = request.headers;
    if (authorization !== undefined) authorizations.add(authorization);
    const isToken = request.url?.startsWith('/token') === true;
    if (authorization === undefined && !isToken) {
      const challenge = token === undefined ? 'Basic realm="echo"' : `Bearer realm="${url}/token",service="echo"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    } else if (isToken && token !== undefined && request.url?.includes('no-token') !== true) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }));
    } else {
      const said = echoOf(request, authorization ?? '');
      const header = Buffer.from(authorization ?? 'none').toString('latin1');
      response.writeHead(statusFor(request), { 'content-type': `application/json; echo=${header}`, 'x-echo': header });
      response.end(JSON.stringify({ errors: [{ code: 'DENIED', message: said }] }));
    }
  };
  const server = createServer(answer).on('connect', (request: IncomingMessage, socket) => {
    asked();
    const authorization = request.headers['proxy-authorization'] ?? '';
    authorizations.add(authorization);
    socket.end(`HTTP/1.1 407 ${authorization}\r\nx-echo: ${authorization}\r\n\r\n${echoOf(request, authorization)}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  url = `http://${host}`;
  return {
    url,
    host,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function echoOf({ url, headers }: IncomingMessage, authorization: string): string {
  const decoded = Buffer.from(authorization.replace(/^\w+ /, ''), 'base64').toString();
  return `${authorization} ${decoded} ${url} ${JSON.stringify(headers)}`;
}

/** A failure of each kind; the paths say which. */
function statusFor({ url = '' }: IncomingMessage): number {
  return Number(/status-(\d{3})/.exec(url)?.[1] ?? 403);
}
