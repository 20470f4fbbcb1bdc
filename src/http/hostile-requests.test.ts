// What no well-meaning client sends. Everything is answered, by the book, and nothing outlives its answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawConnection, rawExchange } from '../../test/support/hosted/raw-connection.ts';
import { type Served, serveRegistry } from '../../test/support/hosted/served-registry.ts';

let served: Served;
beforeAll(async () => void (served = await serveRegistry()));
afterAll(async () => served[Symbol.asyncDispose]());

const HOST = 'Host: registry\r\n';
const CLOSE = `${HOST}Connection: close\r\n\r\n`;

describe('paths', () => {
  test.each([
    ['/v2/%2e%2e/%2e%2e/etc/manifests/passwd', 400, 'NAME_INVALID'],
    ['/v2/../../etc/manifests/passwd', 400, 'NAME_INVALID'],
    ['/v2/a%2fb/manifests/latest', 400, 'NAME_INVALID'],
    ['/v2/a%252fb/manifests/latest', 400, 'NAME_INVALID'],
    ['/v2/a%00b/manifests/latest', 400, 'NAME_INVALID'],
    ['/v2/a\\b/manifests/latest', 400, 'NAME_INVALID'],
    [`/v2/${'a'.repeat(10_000)}/tags/list`, 400, 'NAME_INVALID'],
    ['/v2/a/manifests/..%2f..%2fb', 400, 'NAME_INVALID'],
    ['/v2/a/manifests/latest#fragment', 400, 'TAG_INVALID'],
    ['/v2/a/blobs/sha256:../../passwd', 404, 'UNSUPPORTED'],
    ['/v2/a/blobs/uploads/../../b', 404, 'UNSUPPORTED'],
    ['http://elsewhere/v2/a/tags/list', 404, 'NAME_UNKNOWN'],
    ['http://elsewhere', 404, 'UNSUPPORTED'],
    ['/v2/a/tags/list?n=1&last=%', 400, 'TAG_INVALID'],
  ])('%.60s', async (path, status, code) => {
    const answer = await rawExchange(served.port, `GET ${path} HTTP/1.1\r\n${CLOSE}`);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
  });
});

describe('requests that two servers could read in two ways are refused, and their connection is closed', () => {
  const smuggled = 'GET /v2/smuggled/tags/list HTTP/1.1\r\nHost: x\r\n\r\n';
  test.each([
    [
      'both lengths',
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      'two lengths',
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 4\r\n\r\n${smuggled}`,
    ],
    ['a signed length', `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: +4\r\n\r\n${smuggled}`],
    [
      'an unknown coding',
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    ['a bare LF', `GET /v2/ HTTP/1.1\nHost: x\n\n${smuggled}`],
    ['a folded header', `GET /v2/ HTTP/1.1\r\n${HOST}X: a\r\n b\r\nContent-Length : 4\r\n\r\n${smuggled}`],
    ['NUL in a header', `GET /v2/ HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n${smuggled}`],
    ['no HTTP', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc${smuggled}`],
  ])('%s', async (_, request) => {
    const answer = await rawExchange(served.port, request);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(served.lines.some(({ path }) => path.includes('smuggled'))).toBe(false);
  });
});

test('a request for no host is refused', async () => {
  expect(await rawExchange(served.port, 'GET /v2/ HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('headers beyond 16 KiB are refused', async () => {
  const request = `GET /v2/ HTTP/1.1\r\n${HOST}X: ${'x'.repeat(17_000)}\r\n\r\n`;
  expect(await rawExchange(served.port, request)).toMatch(/^HTTP\/1\.1 431 /);
});

test('whoever is refused reads why, although it goes on sending', async () => {
  const body = 'x'.repeat(4_000_000);
  const request = `PATCH /v2/a/blobs/uploads/unknown HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`;
  const answer = await rawExchange(served.port, request);
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  expect(answer).toContain('BLOB_UPLOAD_UNKNOWN');
  expect(answer).toMatch(/connection: close/i);
});

test('whoever asks first whether to send a body is told before it sends any', async () => {
  const request = (path: string) => `${path} HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  expect(await rawExchange(served.port, request('PATCH /v2/a/blobs/uploads/unknown'))).toMatch(/^HTTP\/1\.1 404 /);
  const begun = await served.send('POST', '/v2/a/blobs/uploads/');
  using connection = await RawConnection.open(served.port);
  connection.send(request(`PATCH ${begun.headers.get('location')}`));
  await connection.until('HTTP/1.1 100 Continue\r\n\r\n');
  connection.send('hello');
  expect(await connection.until('range: 0-4')).toContain('HTTP/1.1 202 ');
});

test('a manifest that ends in the middle of its body is not stored', async () => {
  using connection = await RawConnection.open(served.port);
  connection.send(`PUT /v2/cut/manifests/latest HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\n{`);
  connection[Symbol.dispose]();
  expect((await served.send('GET', '/v2/cut/manifests/latest')).status).toBe(404);
});

test('requests that come at once are answered in their order', async () => {
  const paths = ['/v2/', '/v2/none/tags/list', '/v2/'];
  const requests = paths.map((path, index) => `GET ${path} HTTP/1.1\r\n${index < 2 ? `${HOST}\r\n` : CLOSE}`);
  const answer = await rawExchange(served.port, requests.join(''));
  expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '404', '200']);
});
