import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { RawConnection, rawExchange } from '../../test/support/hosted/raw-connection.ts';
import { serve } from '../../test/support/hosted/served-registry.ts';
import { type Answer, type FileSlice, jsonAnswer } from './distribution/answer.ts';
import type { HttpRequest } from './distribution/request.ts';
import type { RequestLine } from './exchange.ts';
import { readAll } from '../streams/read-all.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'http-node-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MIB = 1024 * 1024;
const bytes = new Uint8Array(5 * MIB + 7).map((_, index) => (index * 31 + (index >> 12)) % 256);
const file = path.join(folder, 'blob');
writeFileSync(file, bytes);

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

test.each([
  [0, bytes.length],
  [1, 3 * MIB],
  [bytes.length - 1, 1],
  [9, 0],
])('a slice of a file is sent from byte %i on, %i bytes, and closed', async (offset, sizeBytes) => {
  const slice = openSlice(offset, sizeBytes);
  await using served = await serve(() => answerWith(slice, sizeBytes));
  const answer = await served.send('GET', '/');
  expect(answer.headers.get('content-length')).toBe(String(sizeBytes));
  const received = new Uint8Array(await answer.arrayBuffer());
  expect(Buffer.compare(received, bytes.subarray(offset, offset + sizeBytes))).toBe(0);
  await slice.closed;
});

test('HEAD gets the headers of a body, which is given back', async () => {
  const slice = openSlice(0, bytes.length);
  await using served = await serve(() => answerWith(slice, bytes.length));
  const answer = await served.send('HEAD', '/');
  expect([answer.headers.get('content-length'), await answer.text()]).toEqual([String(bytes.length), '']);
  await slice.closed;
});

test('slices that are asked for in a row are sent in a row', async () => {
  const slices = [openSlice(0, bytes.length), openSlice(3, 10), openSlice(1, 2 * MIB)];
  await using served = await serve(({ path }) => {
    const slice = slices[Number(path.slice(1))]!;
    return answerWith(slice, slice.sizeBytes);
  });
  const requests = slices.map(
    (_, index) => `GET /${index} HTTP/1.1\r\nHost: x\r\n${index === 2 ? 'Connection: close\r\n' : ''}\r\n`,
  );
  const answer = Buffer.from(await rawExchange(served.port, requests.join('')), 'latin1');
  let end = 0;
  for (const { offset, sizeBytes, closed } of slices) {
    const start = answer.indexOf('\r\n\r\n', end) + 4;
    end = start + sizeBytes;
    expect(Buffer.compare(answer.subarray(start, end), bytes.subarray(offset, offset + sizeBytes))).toBe(0);
    await closed;
  }
  expect(answer.length).toBe(end);
});

test('slices whose turn never comes are closed', async () => {
  const slices = [openSlice(0, bytes.length), openSlice(0, bytes.length)];
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const endless = endlessStream();
  await using served = await serve(({ path }) => {
    const slice = slices[Number(path.slice(1))];
    if (slice === undefined) return { status: 200, headers: { 'content-length': 1e12 }, body: endless.stream };
    if (slice === slices[1]) ask();
    return answerWith(slice, slice.sizeBytes);
  });
  using connection = await RawConnection.open(served.port);
  connection.send(['/endless', '/0', '/1'].map((path) => GET.replace('/', path)).join(''));
  await asked;
  connection[Symbol.dispose]();
  await Promise.all([endless.cancelled, ...slices.map(({ closed }) => closed)]);
});

test('a client that asks on and on and reads nothing is cut off in the end', async () => {
  const clock = new FakeClock();
  const { promise: brokenOff, resolve: breakOff } = Promise.withResolvers<void>();
  const handler = () => ({ status: 200, headers: {}, body: bytes.subarray(0, 60_000) });
  const onFinished = ({ isComplete }: RequestLine) => isComplete || breakOff();
  await using served = await serve(handler, { clock, progressCheckMs: 1, onFinished });
  using connection = await RawConnection.open(served.port);
  connection.send(GET.repeat(1000));
  await advanceUntil(clock, brokenOff);
});

test('a file that is shorter than was promised breaks the connection', async () => {
  const slice = openSlice(bytes.length - 10, 20);
  await using served = await serve(() => answerWith(slice, 20));
  await expect(served.send('GET', '/').then((answer) => answer.arrayBuffer())).rejects.toThrow();
  await slice.closed;
  await served.server.close(0);
  const error = new Error('the file ended 10 bytes early');
  expect(served.lines[0]).toMatchObject({ isComplete: false, isOurFault: true, error });
});

test.each(['abc', 'abcdefg'])('a stream of %s where five bytes were promised never looks whole', async (text) => {
  const body = () => new Blob([text]).stream();
  await using served = await serve(() => ({ status: 200, headers: { 'content-length': 5 }, body: body() }));
  expect(await rawExchange(served.port, GET)).not.toMatch(/abcde/);
});

test('a client that leaves ends the stream that it was sent', async () => {
  const endless = endlessStream();
  const { promise: told, resolve: tell } = Promise.withResolvers<RequestLine>();
  const handler = () => ({ status: 200, headers: { 'content-length': 1e12 }, body: endless.stream });
  await using served = await serve(handler, { onFinished: tell });
  using connection = await RawConnection.open(served.port);
  connection.send(GET);
  await connection.until('\r\n\r\n');
  connection[Symbol.dispose]();
  await endless.cancelled;
  expect(await told).toMatchObject({ status: 200, isComplete: false, isOurFault: false });
});

test('a client that leaves before there is an answer got none', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: told, resolve: tell } = Promise.withResolvers<RequestLine>();
  const handler = async ({ signal }: HttpRequest) => {
    ask();
    await once(signal, 'abort');
    return { status: 200, headers: {} };
  };
  await using served = await serve(handler, { onFinished: tell });
  using connection = await RawConnection.open(served.port);
  connection.send(GET);
  await asked;
  connection[Symbol.dispose]();
  expect(await told).toMatchObject({ status: 499, isComplete: false, isOurFault: false });
});

test('a client that leaves while nothing comes from the source ends it, too', async () => {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({ cancel }, { highWaterMark: 0 });
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using served = await serve(() => {
    ask();
    return { status: 200, headers: { 'content-length': 5 }, body };
  });
  using connection = await RawConnection.open(served.port);
  connection.send(GET);
  await asked;
  connection[Symbol.dispose]();
  await cancelled;
});

test('a client that stops reading stops the stream, and is cut off in the end', async () => {
  const clock = new FakeClock();
  const endless = endlessStream();
  const handler = (): Answer => ({ status: 200, headers: { 'content-length': 1e12 }, body: endless.stream });
  await using served = await serve(handler, { clock, progressCheckMs: 1 });
  using connection = await RawConnection.open(served.port);
  connection.send(GET);
  await connection.until('\r\n\r\n');
  await advanceUntil(clock, endless.cancelled);
  expect(endless.givenBytes()).toBeLessThan(64 * MIB);
});

test('a client that stops sending is cut off in the end', async () => {
  const clock = new FakeClock();
  const { promise: failed, resolve: fail } = Promise.withResolvers<unknown>();
  const handler = async (request: { body: AsyncIterable<Uint8Array> }) => {
    await readAll(request.body, 100).catch(fail);
    return jsonAnswer(200, {});
  };
  await using served = await serve(handler, { clock, progressCheckMs: 1 });
  using connection = await RawConnection.open(served.port);
  connection.send('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1');
  await advanceUntil(clock, failed);
  expect(await failed).toBeInstanceOf(Error);
});

test('a server that closes lets requests end, and drops connections that wait for none', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: answer, resolve: give } = Promise.withResolvers<Answer>();
  await using served = await serve(() => (ask(), answer));
  using unused = await RawConnection.open(served.port);
  using busy = await RawConnection.open(served.port);
  busy.send(GET);
  await asked;
  const closing = served.server.close(60_000);
  await unused.untilClosed();
  give(jsonAnswer(200, { done: true }));
  expect(await busy.untilClosed()).toContain('{"done":true}');
  await closing;
  await expect(served.send('GET', '/')).rejects.toThrow();
});

test('a request that outlasts the grace of a close is ended', async () => {
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using served = await serve(async ({ signal }) => {
    signal.addEventListener('abort', () => abort());
    ask();
    await aborted;
    return jsonAnswer(200, {});
  });
  using connection = await RawConnection.open(served.port);
  connection.send(GET);
  await asked;
  await served.server.close(0);
  await aborted;
  expect(await connection.untilClosed()).toBe('');
});

describe('a server that has closed', () => {
  test('runs no handler any more, also of a connection that was cut', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    let hasSettled = false;
    await using served = await serve(async ({ body, signal }) => {
      ask();
      await expect(readAll(body, 100)).rejects.toThrow();
      expect(signal.aborted).toBe(true);
      // As a disk does that is asked to keep what came.
      for (let turn = 0; turn < 10; turn += 1) await setImmediate();
      hasSettled = true;
      return jsonAnswer(200, {});
    });
    using connection = await RawConnection.open(served.port);
    connection.send('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1');
    await asked;
    expect(await served.server.close(0)).toBe(0);
    expect(hasSettled).toBe(true);
  });

  test('has given back the bodies of answers that were cut off', async () => {
    const slice = openSlice(0, bytes.length);
    let isClosed = false;
    const closing = { ...slice, close: () => ((isClosed = true), slice.close()) };
    await using served = await serve(() => answerWith(closing, bytes.length));
    using connection = await RawConnection.open(served.port);
    connection.send(GET.repeat(20));
    await connection.until('\r\n\r\n');
    expect(await served.server.close(0)).toBe(0);
    expect(isClosed).toBe(true);
  });

  test('does not wait for ever for a handler that never ends, and tells how many those are', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const clock = new FakeClock();
    await using served = await serve(() => (ask(), new Promise(() => undefined)), { clock });
    using connection = await RawConnection.open(served.port);
    connection.send(GET);
    await asked;
    expect(await served.server.close(1000)).toBe(1);
    expect(clock.elapsedMs).toBe(11_000);
  });
});

test('each request is told of once, with what became of it', async () => {
  await using served = await serve(() => jsonAnswer(404, { a: 1 }));
  const answer = await served.send('GET', '/some/path?secret=1');
  await served.server.close(0);
  expect(served.lines).toEqual([
    {
      id: answer.headers.get('x-request-id'),
      method: 'GET',
      path: '/some/path',
      facts: {},
      remoteAddress: '127.0.0.1',
      status: 404,
      bytesSent: 7,
      durationMs: expect.any(Number) as number,
      firstByteMs: expect.any(Number) as number,
      isComplete: true,
      isOurFault: false,
    },
  ]);
});

describe('the first byte of an answer is told of', () => {
  test('when it leaves, and not when the last one does', async () => {
    const clock = new FakeClock();
    const rest = Promise.withResolvers<void>();
    const parts = async function* () {
      yield bytes.subarray(0, 10);
      await rest.promise;
      yield bytes.subarray(10, 20);
    };
    await using served = await serve(
      () => {
        clock.advance(5);
        return { status: 200, headers: { 'content-length': 20 }, body: ReadableStream.from(parts()) };
      },
      { clock },
    );
    const reader = (await served.send('GET', '/')).body!.getReader();
    await reader.read();
    clock.advance(60_000);
    rest.resolve();
    while (!(await reader.read()).done);
    await served.server.close(0);
    expect(served.lines).toMatchObject([{ firstByteMs: 5, durationMs: 60_005 }]);
  });

  test('of a body that is empty, and not of an answer that never began', async () => {
    const slice = openSlice(0, 0);
    await using served = await serve(({ path }) =>
      path === '/bad' ? jsonAnswer(200, {}, { bad: 'a\r\nb: c' }) : answerWith(slice, 0),
    );
    await served.send('GET', '/');
    await served.send('GET', '/bad').catch(() => undefined);
    await served.server.close(0);
    expect(served.lines.map(({ firstByteMs }) => typeof firstByteMs)).toEqual(['number', 'undefined']);
  });
});

test('a header that cannot be sent breaks one connection, and not the server', async () => {
  await using served = await serve(({ path }) => jsonAnswer(200, {}, path === '/bad' ? { bad: 'a\r\nb: c' } : {}));
  await expect(served.send('GET', '/bad')).rejects.toThrow();
  expect((await served.send('GET', '/good')).status).toBe(200);
});

test('a socket file is listened on, also when a process that died left it behind', async () => {
  const socketPath = path.join(folder, 'socket');
  const address = { kind: 'unix', path: socketPath } as const;
  for (const [round, prepare] of [() => undefined, () => abandon(socketPath)].entries()) {
    await prepare();
    await using served = await serve(() => jsonAnswer(200, round), { address });
    const sent = request({ socketPath, path: '/v2/' }).end();
    const [answer] = (await once(sent, 'response')) as [AsyncIterable<Uint8Array>];
    expect(Buffer.from(await readAll(answer, 100)).toString()).toBe(String(round));
    await expect(serve(() => jsonAnswer(200, {}), { address })).rejects.toThrow('EADDRINUSE');
    expect(served.server.address).toEqual(address);
  }
});

test('an address of IPv6 is listened on', async () => {
  await using served = await serve(() => jsonAnswer(200, {}), { address: { kind: 'tcp', host: '::1', port: 0 } });
  expect((await fetch(`http://[::1]:${served.port}/`)).status).toBe(200);
});

function answerWith(slice: FileSlice, sizeBytes: number): Answer {
  return { status: 200, headers: { 'content-length': sizeBytes }, body: slice };
}

function openSlice(offset: number, sizeBytes: number): FileSlice & { closed: Promise<void> } {
  const fd = openSync(file, 'r');
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const close = () => {
    closeSync(fd);
    resolve();
  };
  return { fd, offset, sizeBytes, close, closed };
}

function endlessStream() {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
  let givenBytes = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        givenBytes += MIB;
        controller.enqueue(new Uint8Array(MIB));
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { stream, cancelled, givenBytes: () => givenBytes };
}

async function advanceUntil(clock: FakeClock, done: Promise<unknown>): Promise<void> {
  const state = { isDone: false };
  void done.then(() => (state.isDone = true));
  while (!state.isDone) {
    clock.advance(1000);
    await setImmediate();
  }
}

/** A socket file whose listener did not clean up: the file is moved away while it closes, and back after. */
async function abandon(socketPath: string): Promise<void> {
  const server = createServer().listen(socketPath);
  await once(server, 'listening');
  renameSync(socketPath, `${socketPath}.kept`);
  server.close();
  await once(server, 'close');
  renameSync(`${socketPath}.kept`, socketPath);
}
