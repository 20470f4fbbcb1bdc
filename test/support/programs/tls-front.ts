// What stands in front of a server and speaks TLS, with a certificate of its own that nobody trusts yet.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { runProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface TlsFront extends AsyncDisposable {
  /** `https://127.0.0.1:5123` */
  readonly url: string;
  /** Its certificate, which signed itself. */
  readonly caFile: string;
}

/** `host`: whom it passes everything to, over plain http. */
export async function startTlsFront(host: string): Promise<TlsFront> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('tls'));
  const [keyFile, caFile] = [path.join(folder.path, 'key.pem'), path.join(folder.path, 'ca.pem')];
  const subject = ['-subj', '/CN=mirror', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const made = await runProgram('openssl', ['req', '-x509', ...key, ...subject, '-out', caFile]);
  if (made.code !== 0) throw new Error(`openssl ended with ${made.code}: ${made.stderr}`);
  const server = createServer({ key: await readFile(keyFile), cert: await readFile(caFile) }, (incoming, answer) => {
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
  return { url: `https://127.0.0.1:${port}`, caFile, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
