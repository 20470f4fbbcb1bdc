// A git repository over HTTP or HTTPS, as its hosts serve it: each request is answered by `git http-backend`, a CGI program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ScratchRepository, runGit } from '../library/scratch-repository.ts';
import { type CertificateFiles, readCertificate } from './certificates.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface GitServer extends AsyncDisposable {
  readonly port: number;
}

export interface GitServerOptions {
  readonly certificate?: CertificateFiles;
  /** `user:password`, without which it gives nothing. */
  readonly login?: string;
  /** Called at each request, while whoever asks waits. */
  readonly asked?: () => void;
}

/** Serves the small library as `/library.git`. */
export async function startGitServer({ certificate, login, asked }: GitServerOptions = {}): Promise<GitServer> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await scratchFolder('git-server'));
  const repository = new ScratchRepository(path.join(folder.path, 'work'));
  await cp(path.join(SMALL_LIBRARY, 'library'), path.join(repository.folder, 'library'), { recursive: true });
  repository.commit({});
  const bare = path.join(folder.path, 'library.git');
  runGit('clone', '--quiet', '--bare', repository.folder, bare);
  runGit('-C', bare, 'config', 'uploadpack.allowFilter', 'true');
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    asked?.();
    const basic = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
    const isKnown = basic === undefined || request.headers.authorization === basic;
    if (isKnown) void runBackend(folder.path, request, response);
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  };
  const server =
    certificate === undefined ? createServer(answer) : createTlsServer(await readCertificate(certificate), answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.defer(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const running = opened.move();
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function runBackend(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = request;
  const { pathname, search } = new URL(url, 'http://git.test');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // It may have answered before it has read all.
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  const output = await buffer(backend.stdout);
  const headEnd = output.indexOf('\r\n\r\n');
  for (const line of output.toString('latin1', 0, headEnd).split('\r\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s);
    if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(output.subarray(headEnd + 4));
}
