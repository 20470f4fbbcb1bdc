// A git repository over HTTP, or HTTPS, as a server of mere files has it: git's "dumb" protocol.
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { type RequestListener, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { ScratchRepository, runGit } from '../library/scratch-repository.ts';
import type { Certificate } from './certificate.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface GitServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves the small library as `/library.git`. */
export async function startGitServer(certificate?: Certificate): Promise<GitServer> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await scratchFolder('git-server'));
  const repository = new ScratchRepository(path.join(folder.path, 'work'));
  await cp(path.join(SMALL_LIBRARY, 'library'), path.join(repository.folder, 'library'), { recursive: true });
  repository.commit({});
  const bare = path.join(folder.path, 'library.git');
  runGit('clone', '--quiet', '--bare', repository.folder, bare);
  runGit('-C', bare, 'update-server-info');
  const listener: RequestListener = (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://git.test');
    const refuse = () => response.writeHead(404).end();
    if (pathname.includes('..')) refuse();
    else readFile(path.join(folder.path, pathname)).then((bytes) => response.end(bytes), refuse);
  };
  const server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
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
