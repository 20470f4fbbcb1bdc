import { once } from 'node:events';
import { type IncomingHttpHeaders, createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../test/support/programs/free-port.ts';
import { startProxyDouble } from '../../../test/support/proxy/proxy-double.ts';
import { proxyChoice } from '../../remote/proxy-environment.ts';
import type { Reach, Send, SendError } from '../../remote/send.ts';
import { UndiciSend } from '../undici-send.ts';

const LOGIN = { username: 'ada', password: 'p@ss:wörd' };
const USER = 'ada:p%40ss%3Aw%C3%B6rd@';
const CANARY = 'canary-4711';

async function serve() {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer(({ headers }, response) => {
    seen.push(headers);
    response.end('hello');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A proxy that answers whatever it is asked with these bytes. */
async function mumble(answer: string | Uint8Array) {
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

async function ask(send: Send, url: string, reach: Reach = 'configured'): Promise<string> {
  const deadlines = { headersTimeoutMs: 5000, idleTimeoutMs: 5000 };
  const { body } = await send({ method: 'GET', url: new URL(url), headers: {}, reach, ...deadlines });
  return Buffer.from(await body.bytes(1000)).toString();
}

const through = (undici: UndiciSend, proxy: string) => undici.through(proxyChoice(proxy, undefined));

async function failure(proxy: string, url = 'https://reg.example.com/'): Promise<SendError> {
  await using undici = new UndiciSend();
  return await ask(through(undici, proxy), url).then(
    () => expect.unreachable(),
    (error: SendError) => error,
  );
}

describe.each(['http', 'socks5'] as const)('through a proxy that speaks %s', (kind) => {
  test.each([undefined, LOGIN])('a host is reached by its name, which the proxy resolves (login %j)', async (login) => {
    await using server = await serve();
    await using proxy = await startProxyDouble({ kind, login });
    await using undici = new UndiciSend();
    const url = proxy.url.replace('//', login === undefined ? '//' : `//${USER}`);
    const send = through(undici, url);
    expect(await ask(send, `http://reg.invalid:${server.port}/v2/`)).toBe('hello');
    expect(await ask(send, `http://reg.invalid:${server.port}/v2/`, 'public')).toBe('hello');
    expect(new Set(proxy.targets)).toEqual(new Set([`reg.invalid:${server.port}`]));
    expect(server.seen.map(({ host }) => host)).toEqual([`reg.invalid:${server.port}`, `reg.invalid:${server.port}`]);
  });

  test('a wrong login is refused in a sentence that names the proxy, and shows no password', async () => {
    await using proxy = await startProxyDouble({ kind, login: LOGIN });
    for (const url of ['https://reg.example.com/', 'http://reg.example.com/']) {
      const error = await failure(`${kind}://ada:${CANARY}@127.0.0.1:${proxy.port}`, url);
      expect(error.failure).toBe('PROXY_REFUSED');
      expect(error.message).toBe(
        `is behind the proxy ${kind}://127.0.0.1:${proxy.port}, which refuses the login; check the user and the password in its URL`,
      );
      expect(JSON.stringify([error, error.cause, error.stack])).not.toContain(CANARY);
    }
  });

  test('a missing login is asked for', async () => {
    await using proxy = await startProxyDouble({ kind, login: LOGIN });
    expect(await failure(proxy.url)).toMatchObject({
      failure: 'PROXY_REFUSED',
      message: expect.stringMatching(/which wants a login; put its user and password into its URL/),
    });
  });

  test('an internal address is refused if it is written, and a name is left to the proxy', async () => {
    await using server = await serve();
    await using proxy = await startProxyDouble({ kind });
    await using undici = new UndiciSend();
    const send = through(undici, proxy.url);
    const forbidden = { failure: 'FORBIDDEN_ADDRESS' };
    await expect(ask(send, `http://127.0.0.1:${server.port}/`, 'public')).rejects.toMatchObject(forbidden);
    await expect(ask(send, 'https://169.254.169.254/')).rejects.toMatchObject(forbidden);
    expect(proxy.targets).toEqual([]);
    expect(await ask(send, `http://localhost:${server.port}/`, 'public')).toBe('hello');
    // A person wrote both the upstream and its proxy.
    expect(await ask(send, `http://127.0.0.1:${server.port}/`)).toBe('hello');
    expect(proxy.targets).toEqual([`localhost:${server.port}`, `127.0.0.1:${server.port}`]);
  });
});

test('the origin does not see the login of a proxy that forwards', async () => {
  await using server = await serve();
  await using undici = new UndiciSend();
  // An origin that takes the place of the proxy sees what the proxy sees.
  await ask(through(undici, `http://ada:${CANARY}@127.0.0.1:${server.port}`), 'http://reg.invalid/v2/');
  await ask(undici.send, `http://127.0.0.1:${server.port}/v2/`);
  expect(server.seen.map((headers) => headers['proxy-authorization'])).toEqual([
    `Basic ${btoa(`ada:${CANARY}`)}`,
    undefined,
  ]);
});

describe('a proxy', () => {
  test.each(['http', 'https', 'socks5'])('that is not there (%s) is named', async (kind) => {
    const port = await freePort();
    expect(await failure(`${kind}://ada:${CANARY}@127.0.0.1:${port}`)).toMatchObject({
      failure: 'PROXY',
      message: `is behind the proxy ${kind}://127.0.0.1:${port}, which refused the connection; nothing listens there`,
    });
  });

  test('whose name nobody knows is named', async () => {
    expect((await failure('http://proxy.invalid:7890')).message).toMatch(
      /^is behind the proxy http:\/\/proxy\.invalid:7890, which is not known by that name/,
    );
  });

  test.each<[what: string, kind: string, answer: string | Uint8Array, code: string, words: string]>([
    ['a 403', 'http', 'HTTP/1.1 403 Filtered\r\n\r\n', 'PROXY_REFUSED', 'answered 403; its rules forbid'],
    ['a 503', 'http', 'HTTP/1.1 503 Unavailable\r\n\r\n', 'PROXY', 'answered 503; it could not reach'],
    ['something else', 'http', 'SSH-2.0-OpenSSH_9.2\r\n', 'PROXY', 'answered with something that is not HTTP'],
    ['no end', 'http', `HTTP/1.1 200 OK\r\n${'x'.repeat(20_000)}`, 'PROXY', 'answered more than a proxy has to say'],
    ['patience', 'http', 'HTTP/1.1 100 Go on\r\n\r\n'.repeat(20), 'PROXY', 'answered with something that is not HTTP'],
    ['nothing', 'http', '', 'PROXY', 'broke the connection'],
    ['no TLS', 'https', 'HTTP/1.1 200 OK\r\n\r\n', 'PROXY', 'is not trusted, or speaks no TLS'],
    ['HTTP', 'socks5', 'HTTP/1.1 400 Bad request\r\n\r\n', 'PROXY', 'answered with something that is not SOCKS5'],
    ['a rule', 'socks5', Uint8Array.of(5, 0, 5, 2, 0, 1), 'PROXY_REFUSED', 'does not allow that host or its port'],
    [
      'a short no',
      'socks5',
      Uint8Array.of(5, 0, 5, 4),
      'PROXY',
      'could not reach that host, or does not know its name',
    ],
    ['an unknown no', 'socks5', Uint8Array.of(5, 0, 5, 99), 'PROXY_REFUSED', 'cannot do what it is asked'],
    [
      'an odd address',
      'socks5',
      Uint8Array.of(5, 0, 5, 0, 0, 9),
      'PROXY',
      'answered with something that is not SOCKS5',
    ],
    ['a login unasked for', 'socks5', Uint8Array.of(5, 2), 'PROXY', 'answered with something that is not SOCKS5'],
  ])('that answers with %s (%s) is told apart from the host behind it', async (_what, kind, answer, code, words) => {
    await using proxy = await mumble(answer);
    const error = await failure(`${kind}://${proxy.host}`);
    expect(error.failure).toBe(code);
    expect(error.message).toMatch(new RegExp(`^is behind the proxy ${kind}://${proxy.host}, which ${words}`));
  });

  test('that says nothing is left when the connections are closed', async () => {
    const asked = Promise.withResolvers<void>();
    const server = createTcpServer((socket) => void socket.once('data', () => asked.resolve())).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const undici = new UndiciSend();
    const { port } = server.address() as AddressInfo;
    const asking = ask(through(undici, `http://127.0.0.1:${port}`), 'https://reg.example.com/');
    const outcome = asking.then(
      () => 'answered',
      () => 'failed',
    );
    await asked.promise;
    await undici[Symbol.asyncDispose]();
    expect(await outcome).toBe('failed');
    server.close();
    await once(server, 'close');
  });
});
