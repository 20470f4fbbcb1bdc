import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Reach, SendRequest } from '../remote/send.ts';
import { readAll } from '../streams/read-all.ts';
import { UndiciSend } from './undici-send.ts';

interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: URL;
}

async function serve(listener: RequestListener): Promise<TestServer> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: new URL(`http://127.0.0.1:${port}/`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function get(url: URL | string, more: Partial<SendRequest> = {}): SendRequest {
  const deadlines = { headersTimeoutMs: 5000, idleTimeoutMs: 5000 };
  return { method: 'GET', url: new URL(url), headers: {}, reach: 'configured', ...deadlines, ...more };
}

const hello: RequestListener = (_, response) => void response.end('hello');

describe('an internal address', () => {
  const isRefused = async (host: string, reach: Reach) => {
    await using server = await serve(hello);
    await using undici = new UndiciSend();
    const failure = await undici.send(get(`http://${host}:${server.port}/`, { reach })).then(
      ({ body }) => body.discard(),
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ failure: 'FORBIDDEN_ADDRESS' });
    expect((failure as Error).message).toMatch(/^leads to \S+, an internal address/);
  };

  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '10.0.0.1',
    '192.168.0.1',
    '172.16.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '[fe80::1]',
    '[fd00::1]',
  ])('%s is not reached when it was named from outside', (host) => isRefused(host, 'public'));

  test.each(['localhost', 'LOCALHOST'])('behind the name %s is not reached when it was named from outside', (host) =>
    isRefused(host, 'public'),
  );

  test.each([
    '169.254.169.254',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '2852039166',
    '0xa9fea9fe',
    '169.254.170.2',
    '100.100.100.200',
    '[fd00:ec2::254]',
  ])('that serves metadata, %s, is never reached, not even when a person configured it', (host) =>
    isRefused(host, 'configured'),
  );

  test.each(['127.0.0.1', 'localhost'])('%s is reached when a person configured it', async (host) => {
    await using server = await serve(hello);
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(`http://${host}:${server.port}/`));
    expect(Buffer.from(await body.bytes(10)).toString()).toBe('hello');
  });
});

describe('an answer', () => {
  test('has its headers, also those that come several times', async () => {
    await using server = await serve((_, response) => {
      response.setHeader('www-authenticate', ['Basic', 'Bearer realm="x"']);
      response.setHeader('x-one', '1');
      response.writeHead(401).end();
    });
    await using undici = new UndiciSend();
    const { status, headers, body } = await undici.send(get(server.url));
    await body.discard();
    expect(status).toBe(401);
    expect(headers.all('www-authenticate')).toEqual(['Basic', 'Bearer realm="x"']);
    expect([headers.get('x-one'), headers.get('x-two'), headers.all('x-two')]).toEqual(['1', undefined, []]);
  });

  test('is given as it came: a redirect is not followed and nothing is decompressed', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(307, { location: '/elsewhere', 'content-encoding': 'gzip' }).end('not gzip');
    });
    await using undici = new UndiciSend();
    const { status, body } = await undici.send(get(server.url));
    expect([status, Buffer.from(await body.bytes(100)).toString()]).toEqual([307, 'not gzip']);
  });

  test('that is longer than allowed is cut off, and its connection ends', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      response.on('close', () => closed.resolve());
      const write = () =>
        void (
          response.destroyed ||
          (response.write(Buffer.alloc(65_536)) ? setImmediate(write) : response.once('drain', write))
        );
      write();
    });
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(server.url));
    await expect(body.bytes(100_000)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    await closed.promise;
  });

  test('whose stream is cancelled ends its connection', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      response.on('close', () => closed.resolve());
      response.write('hello');
    });
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(server.url));
    const reader = body.stream().getReader();
    await reader.read();
    await reader.cancel();
    await closed.promise;
  });

  test('that nobody wants is not let in for ever: a long one ends its connection', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      response.on('close', () => closed.resolve());
      response.write(Buffer.alloc(1024 * 1024));
    });
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(server.url));
    await body.discard();
    await closed.promise;
  });

  test('leaves its connection to the next request, that of a HEAD too', async () => {
    const connections = new Set<unknown>();
    await using server = await serve(({ socket }, response) => {
      connections.add(socket);
      response.end('hello');
    });
    await using undici = new UndiciSend();
    for (const method of ['HEAD', 'GET', 'HEAD', 'GET', 'HEAD', 'GET'] as const) {
      const { body } = await undici.send(get(server.url, { method }));
      await body.discard();
    }
    // It may not be free again yet when the next one asks for it at once.
    expect(connections.size).toBeLessThanOrEqual(2);
  });

  test.each(['stream', 'bytes'] as const)('that breaks off fails as a lost connection, read by %s', async (way) => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('hello', () => response.destroy());
    });
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(server.url));
    const reading = way === 'bytes' ? body.bytes(1000) : readAll(body.stream(), 1000);
    await expect(reading).rejects.toMatchObject({ failure: 'CONNECTION_LOST', message: 'broke the connection' });
  });
});

describe('a wait', () => {
  test('for headers that do not come ends', async () => {
    await using server = await serve(() => undefined);
    await using undici = new UndiciSend();
    await expect(undici.send(get(server.url, { headersTimeoutMs: 50 }))).rejects.toMatchObject({
      failure: 'TIMEOUT',
      message: 'did not answer in time',
    });
  });

  test('for the rest of a body that does not come ends', async () => {
    await using server = await serve((_, response) => void response.write('hello'));
    await using undici = new UndiciSend();
    const { body } = await undici.send(get(server.url, { idleTimeoutMs: 50 }));
    await expect(body.bytes(1000)).rejects.toMatchObject({
      failure: 'TIMEOUT',
      message: 'stopped sending in the middle of its answer',
    });
  });

  test('for a server that takes no more of what is sent ends, and closes the body', async () => {
    await using server = await serve((request) => void request.pause());
    await using undici = new UndiciSend();
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
      cancel: () => void (isCancelled = true),
    });
    await expect(undici.send(get(server.url, { method: 'PUT', body, idleTimeoutMs: 50 }))).rejects.toMatchObject({
      failure: 'TIMEOUT',
    });
    await expect.poll(() => isCancelled).toBe(true);
  });

  test('ends with the reason of its signal, before the headers and in the body', async () => {
    await using server = await serve(({ url }, response) => void (url === '/body' && response.write('hello')));
    await using undici = new UndiciSend();
    const stop = new AbortController();
    const reason = new Error('enough');
    const waiting = undici.send(get(server.url, { signal: stop.signal }));
    const { body } = await undici.send(get(new URL('/body', server.url), { signal: stop.signal }));
    const reading = body.bytes(1000);
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(reading).rejects.toBe(reason);
  });
});

describe('a wait that is over before it begins', () => {
  test('sends nothing, and closes the body', async () => {
    let requests = 0;
    await using server = await serve((_, response) => {
      requests += 1;
      response.end();
    });
    await using undici = new UndiciSend();
    const reason = new Error('enough');
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) }, { highWaterMark: 0 });
    const request = get(server.url, { method: 'PUT', body, signal: AbortSignal.abort(reason) });
    await expect(undici.send(request)).rejects.toBe(reason);
    expect([requests, isCancelled]).toEqual([0, true]);
  });
});

describe('a body that is sent', () => {
  const echo: RequestListener = (request, response) => {
    response.setHeader('x-length', request.headers['content-length'] ?? 'none');
    request.pipe(response);
  };

  test('arrives with its length', async () => {
    await using server = await serve(echo);
    await using undici = new UndiciSend();
    const parts = [Buffer.from('hello '), Buffer.from('world')];
    const request = { method: 'PUT', body: ReadableStream.from<Uint8Array>(parts), sizeBytes: 11 } as const;
    const { headers, body } = await undici.send(get(server.url, request));
    expect(headers.get('x-length')).toBe('11');
    expect(Buffer.from(await body.bytes(100)).toString()).toBe('hello world');
  });

  test('may be empty', async () => {
    await using server = await serve(echo);
    await using undici = new UndiciSend();
    const request = { method: 'PUT', body: ReadableStream.from<Uint8Array>([]), sizeBytes: 0 } as const;
    const { headers, body } = await undici.send(get(server.url, request));
    expect([headers.get('x-length'), await body.bytes(100)]).toEqual(['0', new Uint8Array(0)]);
  });

  test('and breaks off fails the request with its own error', async () => {
    await using server = await serve(echo);
    await using undici = new UndiciSend();
    const failure = new Error('the source broke');
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from('hello')),
      pull: (controller) => controller.error(failure),
    });
    await expect(undici.send(get(server.url, { method: 'PUT', body, sizeBytes: 11 }))).rejects.toBe(failure);
  });

  test('is cancelled when the server cannot be reached', async () => {
    const server = await serve(hello);
    await server[Symbol.asyncDispose]();
    await using undici = new UndiciSend();
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) }, { highWaterMark: 0 });
    await expect(undici.send(get(server.url, { method: 'PUT', body, sizeBytes: 11 }))).rejects.toMatchObject({
      failure: 'CONNECTION_REFUSED',
      message: 'refused the connection; nothing listens there',
    });
    expect(isCancelled).toBe(true);
  });
});

describe('no answer', () => {
  test('from a name that nobody has is said so', async () => {
    await using undici = new UndiciSend();
    await expect(undici.send(get('http://nowhere.invalid/'))).rejects.toMatchObject({ failure: 'NAME_RESOLUTION' });
  });

  test('from a server that does not speak TLS is said so', async () => {
    await using server = await serve(hello);
    await using undici = new UndiciSend();
    await expect(undici.send(get(`https://127.0.0.1:${server.port}/`))).rejects.toMatchObject({ failure: 'TLS' });
  });

  test('from a server that does not speak HTTP is said so', async () => {
    await using server = await serve(({ socket }) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await using undici = new UndiciSend();
    await expect(undici.send(get(server.url))).rejects.toMatchObject({ failure: 'NOT_HTTP' });
  });
});
