// A proxy in this process, HTTP or SOCKS5, that resolves every name to this machine, as no real one does.
import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface ProxyDoubleOptions {
  readonly kind: 'http' | 'socks5';
  readonly login?: { readonly username: string; readonly password: string } | undefined;
  /** Each connection is broken once so many bytes have come from the origin; not given, none is. */
  readonly cutAfterBytes?: number | undefined;
}

export interface ProxyDouble extends AsyncDisposable {
  /** Without a login. */
  readonly url: string;
  readonly port: number;
  /** `name:port` of each connection that it was asked for, in their order. */
  readonly targets: readonly string[];
}

export async function startProxyDouble(options: ProxyDoubleOptions): Promise<ProxyDouble> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => sockets.delete(client));
    const talk = options.kind === 'http' ? talkHttp : talkSocks;
    void talk(client, options, (target) => targets.push(target)).catch(() => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.kind}://127.0.0.1:${port}`,
    port,
    targets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

type Note = (target: string) => void;

async function talkHttp(client: Socket, options: ProxyDoubleOptions, note: Note): Promise<void> {
  const head = await readUntil(client, (bytes) => {
    const end = bytes.indexOf('\r\n\r\n');
    return end < 0 ? undefined : end + 4;
  });
  const [, method = '', target = ''] = /^(\w+) (\S+) HTTP/.exec(head.toString()) ?? [];
  if (!isWelcome(head.toString(), options)) {
    client.end(
      'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
    return;
  }
  const url = new URL(method === 'CONNECT' ? `http://${target}` : target);
  note(url.host);
  const origin = connect({ port: Number(url.port), host: '127.0.0.1' });
  if (method === 'CONNECT') client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  else origin.write(forwarded(head.toString('latin1'), url), 'latin1');
  join(client, origin, options);
}

// One request a connection: the next one would have to be looked at too.
function forwarded(head: string, url: URL): string {
  const [first = '', ...headers] = head.split('\r\n');
  const kept = headers.filter((line) => !/^(?:proxy-.*|connection):/i.test(line));
  return [first.replace(/ \S+ /, ` ${url.pathname}${url.search} `), 'Connection: close', ...kept].join('\r\n');
}

function isWelcome(head: string, { login }: ProxyDoubleOptions): boolean {
  if (login === undefined) return true;
  const [, sent] = /^proxy-authorization: Basic (\S+)/im.exec(head) ?? [];
  return sent === Buffer.from(`${login.username}:${login.password}`).toString('base64');
}

async function talkSocks(client: Socket, options: ProxyDoubleOptions, note: Note): Promise<void> {
  const { login } = options;
  const hello = await readUntil(client, ([, count = 0]) => 2 + count);
  const wanted = login === undefined ? 0 : 2;
  if (!hello.subarray(2).includes(wanted)) return void client.end(Uint8Array.of(5, 0xff));
  client.write(Uint8Array.of(5, wanted));
  if (login !== undefined) {
    const sent = await readUntil(client, (bytes) => {
      const passwordAt = 2 + (bytes[1] ?? 0);
      return passwordAt + 1 + (bytes[passwordAt] ?? 255);
    });
    const expected = [1, ...counted(login.username), ...counted(login.password)];
    if (!sent.equals(Uint8Array.from(expected))) return void client.end(Uint8Array.of(1, 1));
    client.write(Uint8Array.of(1, 0));
  }
  const request = await readUntil(client, (bytes) => (bytes[3] === 3 ? 7 + (bytes[4] ?? 255) : 10));
  const host =
    request[3] === 3 ? request.toString('latin1', 5, request.length - 2) : [...request.subarray(4, 8)].join('.');
  const port = request.readUInt16BE(request.length - 2);
  note(`${host}:${port}`);
  const origin = connect({ port, host: '127.0.0.1' });
  client.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
  join(client, origin, options);
}

function counted(text: string): readonly number[] {
  return [Buffer.byteLength(text), ...Buffer.from(text)];
}

function join(client: Socket, origin: Socket, { cutAfterBytes = Infinity }: ProxyDoubleOptions): void {
  let left = cutAfterBytes;
  origin.on('error', () => client.destroy());
  origin.on('close', () => client.end());
  client.on('close', () => origin.destroy());
  client.pipe(origin);
  origin.on('data', (chunk: Buffer) => {
    client.write(chunk.subarray(0, left));
    left -= chunk.byteLength;
    if (left <= 0) client.end();
  });
}

/** Reads as many bytes as `sizeOf` says of those that have come, and leaves the rest. */
async function readUntil(client: Socket, sizeOf: (bytes: Buffer) => number | undefined): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const size = sizeOf(bytes);
    if (size !== undefined && bytes.byteLength >= size && bytes.byteLength > 1) {
      client.unshift(bytes.subarray(size));
      return bytes.subarray(0, size);
    }
    const chunk = client.read() as Buffer | null;
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
    else if (client.readableEnded || client.destroyed) throw new Error('the client has gone');
    else await once(client, 'readable');
  }
}
