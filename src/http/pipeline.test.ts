import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RawConnection } from '../../test/support/hosted/raw-connection.ts';
import { type Served, serve } from '../../test/support/hosted/served-registry.ts';
import { readAll } from '../streams/read-all.ts';
import { type Answer, jsonAnswer } from './distribution/answer.ts';
import type { HttpRequest } from './distribution/request.ts';

/** Long enough for some hundreds to be more than is read at once. */
const get = (index: number) => `GET /${index} HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(1000)}\r\n\r\n`;
const gets = (count: number) => Array.from({ length: count }, (_, index) => get(index)).join('');

/** A handler that answers when it is told to. */
class Desk {
  readonly asked: string[] = [];
  readonly #answers: (() => void)[] = [];

  readonly handle = (request: HttpRequest): Promise<Answer> => {
    this.asked.push(request.path);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answers.push(resolve);
    return promise.then(() => jsonAnswer(200, request.path));
  };

  answer(): void {
    this.#answers.shift()?.();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
}

/** More than fits would be begun by then. */
async function expectAsked(served: Served, desk: Desk, count: number): Promise<void> {
  await expect.poll(() => desk.asked.length).toBe(count);
  // Other connections are served meanwhile.
  expect((await served.send('GET', '/elsewhere')).status).toBe(200);
  await settle();
  expect(desk.asked.length).toBe(count);
}

async function serveDesk(): Promise<{ desk: Desk; served: Served }> {
  const desk = new Desk();
  const served = await serve((request) => (request.path === '/elsewhere' ? jsonAnswer(200, {}) : desk.handle(request)));
  return { desk, served };
}

test('of the requests that come in a row eight are begun, and the next as they end', async () => {
  const { desk, served } = await serveDesk();
  await using _closed = served;
  using connection = await RawConnection.open(served.port);
  connection.send(gets(500));
  await expectAsked(served, desk, 8);
  desk.answer();
  await expectAsked(served, desk, 9);
  for (let answered = 1; answered < 500; answered += 1) {
    await expect.poll(() => desk.asked.length, { interval: 1 }).toBeGreaterThan(answered);
    desk.answer();
  }
  const answers = await connection.until('"/499"');
  expect([...answers.matchAll(/"\/(\d+)"/g)].map(([, index]) => Number(index))).toEqual([...Array(500).keys()]);
});

test('those that wait are forgotten with their connection', async () => {
  const { desk, served } = await serveDesk();
  using connection = await RawConnection.open(served.port);
  connection.send(gets(100));
  await expectAsked(served, desk, 8);
  const closed = served.server.close(0);
  // What the server did not read resets the connection.
  await connection.untilClosed().catch(() => undefined);
  for (let answered = 0; answered < 8; answered += 1) desk.answer();
  expect(await closed).toBe(0);
  expect(desk.asked.length).toBe(8);
});

test('the body of a request that waits comes whole when its turn has come, also after a 100 Continue', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using served = await serve(async ({ method, body }) => {
    await released;
    return jsonAnswer(200, method === 'PUT' ? (await readAll(body, 1e6)).byteLength : 'got');
  });
  using connection = await RawConnection.open(served.port);
  const put = `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n`;
  connection.send(`${gets(9)}${put}\r\n${'a'.repeat(500_000)}${gets(9)}${put}Expect: 100-continue\r\n\r\n`);
  release();
  await connection.until('HTTP/1.1 100 Continue');
  connection.send(`${'b'.repeat(500_000)}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const answers = await connection.untilClosed();
  const said = [...answers.matchAll(/\r\n\r\n("got"|500000)/g)].map(([, body]) => body);
  const nine = Array<string>(9).fill('"got"');
  expect(said).toEqual([...nine, '500000', ...nine, '500000', '"got"']);
});
