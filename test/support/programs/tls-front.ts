// What stands in front of a server and speaks TLS, with a certificate of its own that nobody trusts yet.
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { certificateAuthority, readCertificate } from './certificates.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface TlsFront extends AsyncDisposable {
  /** `https://127.0.0.1:5123` */
  readonly url: string;
  /** The authority of its certificate. */
  readonly caFile: string;
}

/** `host`: whom it passes everything to, over plain http. */
export async function startTlsFront(host: string): Promise<TlsFront> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('tls'));
  const authority = await certificateAuthority(folder.path);
  const certificate = await readCertificate(await authority.issue('server', ['127.0.0.1']));
  const server = createServer(certificate, (incoming, answer) => {
    const { method, url, headers } = incoming;
    const outgoing = request(`http://${host}${url}`, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      pipeline(response, answer, () => undefined);
    });
    outgoing.on('error', () => answer.destroy());
    pipeline(incoming, outgoing, () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const running = started.move();
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    caFile: authority.file,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
