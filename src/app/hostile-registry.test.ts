// Bad input to the whole registry: the store on a disk, over sockets. Each is refused by the book or taken as it is;
// afterwards the registry answers, has not grown, and nothing is left behind.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { RawConnection, rawExchange } from '../../test/support/hosted/raw-connection.ts';
import { type RequestBody, type Served, serve } from '../../test/support/hosted/served-registry.ts';
import { type Graph, image, index } from '../../test/support/image-graph.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { collectGarbage } from '../store/collect-garbage.ts';
import { type Store, openStore } from './open-store.ts';

const HOST = 'Host: registry\r\n';
const CLOSE = `${HOST}Connection: close\r\n\r\n`;
const DAY_MS = 24 * 3_600_000;
const MAX_GROWN_BYTES = 300 * 1024 * 1024;
/** Ten thousand, which cost no request more than these do, would take 18 s to begin and to collect. */
const LEFT = 400;
const UNKNOWN = digestOf('nobody has this');

let folder: string;
let store: Store;
let served: Served;
let sizeBefore: number;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-hostile-'));
  store = await openStore(folder);
  served = await serve(registryHandler(store.registry));
  sizeBefore = process.memoryUsage.rss();
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function expectSound(): Promise<void> {
  expect((await served.send('GET', '/v2/')).status).toBe(200);
  expect(served.lines.filter(({ status }) => status >= 500)).toEqual([]);
  expect(process.memoryUsage.rss() - sizeBefore).toBeLessThan(MAX_GROWN_BYTES);
}

/** A connection that was broken off is noticed a moment later. */
async function expectNoUploads(): Promise<void> {
  const left = async () => [
    ...(await Array.fromAsync(store.content.listIngests())),
    ...(await store.metadata.staleUploads(Number.MAX_SAFE_INTEGER, { limit: 1 })),
  ];
  await expect.poll(left).toEqual([]);
}

/** For the name of a test. */
function short(text: string): string {
  return text.slice(0, 70);
}

async function codeOf(response: Response): Promise<readonly [status: number, code: string | undefined]> {
  const text = await response.text();
  const code = text.startsWith('{"errors"') ? /"code":"([A-Z_]+)"/.exec(text)?.[1] : undefined;
  expect(code === undefined ? 0 : text.length).toBeLessThan(4096);
  return [response.status, code];
}

async function pushBlob(repository: string, bytes: Buffer<ArrayBuffer>): Promise<void> {
  const { status } = await served.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, {
    body: bytes,
  });
  expect(status).toBe(201);
}

async function put(repository: string, body: RequestBody, mediaType: string = MEDIA_TYPES.ociImage): Promise<Response> {
  const headers = { 'content-type': mediaType };
  return await served.send('PUT', `/v2/${repository}/manifests/latest`, { headers, body });
}

describe('names, tags, digests and ids that lead elsewhere', () => {
  const digest = digestOf('x');
  const refused: readonly (readonly [method: string, target: string, status: number, code: string])[] = [
    ['GET', '/v2/a/manifests/%2e%2e', 400, 'TAG_INVALID'],
    ['GET', '/v2/a/manifests/%252e%252e%252fb', 400, 'TAG_INVALID'],
    ['GET', '/v2/a/manifests/a%00b', 400, 'TAG_INVALID'],
    ['GET', '/v2/a/manifests/a%5cb', 400, 'TAG_INVALID'],
    ['GET', '/v2/a/manifests/t%c3%a4g', 400, 'TAG_INVALID'],
    ['GET', '/v2/a/manifests/%ff', 400, 'NAME_INVALID'],
    ['PUT', `/v2/a/manifests/${'t'.repeat(10_000)}`, 400, 'TAG_INVALID'],
    ['GET', '/v2/%E2%80%AEa/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2/a/blobs/sha256:..%2f..%2f..%2fmetadata-v1%2fmetadata.db', 400, 'NAME_INVALID'],
    ['GET', '/v2/a/blobs/sha256:%2e%2e', 400, 'DIGEST_INVALID'],
    ['GET', `/v2/a/blobs/${digest}%00`, 400, 'DIGEST_INVALID'],
    ['GET', `/v2/a/blobs/${digest.toUpperCase()}`, 400, 'DIGEST_INVALID'],
    ['GET', `/v2/a/blobs/sha256:${'a'.repeat(10_000)}`, 400, 'DIGEST_INVALID'],
    ['GET', `/v2/a/blobs/md5:${'a'.repeat(32)}`, 400, 'DIGEST_INVALID'],
    ['DELETE', '/v2/a/manifests/sha256:%2e%2e', 400, 'DIGEST_INVALID'],
    ['GET', '/v2/a/referrers/sha256:%2e%2e', 400, 'DIGEST_INVALID'],
    ['POST', `/v2/a/blobs/uploads/?digest=sha256:../../x`, 400, 'DIGEST_INVALID'],
    ['POST', `/v2/a/blobs/uploads/?mount=../../x&from=b`, 400, 'DIGEST_INVALID'],
    ['POST', `/v2/a/blobs/uploads/?mount=${digest}&from=../b`, 400, 'NAME_INVALID'],
    ['POST', '/v2/a/blobs/uploads/?digest-algorithm=md5', 400, 'DIGEST_INVALID'],
    ['PATCH', '/v2/a/blobs/uploads/%2e%2e', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['GET', '/v2/a/blobs/uploads/%2e%2e%2f%2e%2e%2fmetadata-v1', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['PUT', `/v2/a/blobs/uploads/x%00y?digest=${digest}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['DELETE', `/v2/a/blobs/uploads/${'0'.repeat(10_000)}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['GET', `/v2/a/blobs/uploads/${crypto.randomUUID()}`, 404, 'BLOB_UPLOAD_UNKNOWN'],
  ];
  test.each(refused.map((row) => [short(`${row[0]} ${row[1]}`), ...row] as const))(
    '%s',
    async (_, method, target, status, code) => {
      const answer = await rawExchange(served.port, `${method} ${target} HTTP/1.1\r\n${CLOSE}`);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toContain(`"code":"${code}"`);
      expect(answer.length).toBeLessThan(4096);
      await expectSound();
    },
  );
});

describe('manifests', () => {
  const blob = Buffer.from('{}');
  const descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(blob), size: blob.byteLength };
  const lacking = { ...descriptor, digest: UNKNOWN };
  const plain = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociImage, config: descriptor, layers: [descriptor] };
  const text = JSON.stringify(plain);
  const children = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [descriptor] };
  const many = (length: number) => Array.from({ length }, () => descriptor);
  const withSize = (size: string) => text.replace(`"size":${blob.byteLength}`, `"size":${size}`);
  beforeAll(() => pushBlob('m', blob));

  test.each<[string, RequestBody & (string | Uint8Array), number, string | undefined]>([
    ['of 5 MiB', `${text}${' '.repeat(5 * 1024 * 1024)}`, 413, 'SIZE_INVALID'],
    ['of 100,000 layers', JSON.stringify({ ...plain, layers: many(100_000) }), 413, 'SIZE_INVALID'],
    ['of 20,000 layers', JSON.stringify({ ...plain, layers: many(20_000) }), 400, 'MANIFEST_INVALID'],
    ['of 20,000 children', JSON.stringify({ ...children, manifests: many(20_000) }), 400, 'MANIFEST_INVALID'],
    ['of 10,000 layers', JSON.stringify({ ...plain, layers: many(10_000) }), 201, undefined],
    ['of nested arrays', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, 'MANIFEST_INVALID'],
    ['of arrays that never end', '['.repeat(100_000), 400, 'MANIFEST_INVALID'],
    [
      'with nested objects where nobody looks',
      text.replace('{', `{"x":${'{"x":'.repeat(100_000)}1${'}'.repeat(100_000)},`),
      201,
      undefined,
    ],
    ['with layers and children', JSON.stringify({ ...children, layers: [descriptor] }), 400, 'MANIFEST_INVALID'],
    ['with a config and children', JSON.stringify({ ...children, config: descriptor }), 400, 'MANIFEST_INVALID'],
    // The last of two keys counts, as for all readers of JSON that clients are made with.
    [
      'with two lists of layers',
      text.replace('"layers"', `"layers":[${JSON.stringify(lacking)}],"layers"`),
      201,
      undefined,
    ],
    [
      'with two lists of layers, the last of which is lacking',
      text.replace(/\}$/, `,"layers":[${JSON.stringify(lacking)}]}`),
      400,
      'MANIFEST_BLOB_UNKNOWN',
    ],
    ['with the key __proto__', text.replace('{', '{"__proto__":{"annotations":{"polluted":"1"}},'), 201, undefined],
    [
      'with annotations of __proto__',
      text.replace('{', '{"annotations":{"__proto__":"1","constructor":"1"},'),
      201,
      undefined,
    ],
    [
      'with a prototype for its layers',
      text.replace('"layers":', '"layers":{"__proto__":[]},"l":'),
      400,
      'MANIFEST_INVALID',
    ],
    ['of a size below nothing', withSize('-1'), 400, 'MANIFEST_INVALID'],
    ['of a size that no number has', withSize(String(2 ** 53)), 400, 'MANIFEST_INVALID'],
    ['of an endless size', withSize('1e400'), 400, 'MANIFEST_INVALID'],
    ['of half a byte', withSize('0.5'), 400, 'MANIFEST_INVALID'],
    ['of no number', withSize('NaN'), 400, 'MANIFEST_INVALID'],
    ['of a size as text', withSize('"2"'), 400, 'MANIFEST_INVALID'],
    ['with a bare control character', text.replace('{', '{"\u0001":1,'), 400, 'MANIFEST_INVALID'],
    ['with bytes that are no UTF-8', Buffer.from(text.replace('{', '{"\u00ff":1,'), 'latin1'), 400, 'MANIFEST_INVALID'],
    [
      'with annotations of 3.9 MB',
      text.replace('{', `{"annotations":{"a":"${'a'.repeat(3_900_000)}"},`),
      201,
      undefined,
    ],
    ['that is empty', '', 400, 'MANIFEST_INVALID'],
    ['that is null', 'null', 400, 'MANIFEST_INVALID'],
  ])('a manifest %s', async (_, manifest, status, code) => {
    expect(await codeOf(await put('m', manifest, ''))).toEqual([status, code]);
    if (status === 201) {
      const answer = await served.send('GET', `/v2/m/manifests/${digestOf(manifest)}`);
      expect(digestOf(new Uint8Array(await answer.arrayBuffer()))).toBe(digestOf(manifest));
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    await expectSound();
  });

  test.each([
    ['a media type', text.replace(MEDIA_TYPES.ociImage, 'x'.repeat(1_000_000))],
    ['the name of an annotation', text.replace('{', `{"annotations":{"${'x'.repeat(1_000_000)}":1},`)],
  ])('%s of 1 MB is not repeated in the refusal', async (_, manifest) => {
    expect(await codeOf(await put('m', manifest, ''))).toEqual([400, 'MANIFEST_INVALID']);
  });

  test('a blob or a child that only another repository has is as unknown as one that nobody has', async () => {
    const other = Buffer.from('a secret of another');
    await pushBlob('other', other);
    await pushBlob('other', blob);
    expect((await put('other', text)).status).toBe(201);
    const answers = [digestOf(other), UNKNOWN].map(async (digest) => {
      const response = await put('m', JSON.stringify({ ...plain, layers: [{ ...descriptor, digest }] }));
      return [response.status, (await response.text()).replaceAll(digest, 'DIGEST')];
    });
    const [known, unknown] = await Promise.all(answers);
    expect(known).toEqual(unknown);
    expect(known).toEqual([400, expect.stringContaining('MANIFEST_BLOB_UNKNOWN')]);
    const child = { mediaType: MEDIA_TYPES.ociImage, digest: digestOf(text), size: text.length };
    const answer = await put('new', JSON.stringify({ ...children, manifests: [child] }), MEDIA_TYPES.ociIndex);
    expect(await codeOf(answer)).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
    expect((await served.send('GET', '/v2/new/tags/list')).status).toBe(404);
  });

  test('50 indexes in each other are served, and go with the outermost when nothing else keeps them', async () => {
    let graph: Graph = image('innermost', []);
    for (const { parts } of graph.blobs) await pushBlob('deep', Buffer.concat(parts));
    const digests: string[] = [];
    for (let depth = 0; depth <= 50; depth += 1) {
      const { digest, bytes, mediaType } = graph.manifest;
      const headers = { 'content-type': mediaType };
      const { status } = await served.send('PUT', `/v2/deep/manifests/${digest}`, {
        headers,
        body: Buffer.from(bytes),
      });
      expect(status).toBe(201);
      digests.push(digest);
      graph = index(graph);
    }
    const statuses = () =>
      Promise.all(digests.map(async (digest) => (await served.send('HEAD', `/v2/deep/manifests/${digest}`)).status));
    expect(new Set(await statuses())).toEqual(new Set([200]));
    expect((await served.send('DELETE', `/v2/deep/manifests/${digests.at(-1)}`)).status).toBe(202);
    await collectGarbage({ ...store, now: () => Date.now() + DAY_MS }, { untagged: true });
    expect(new Set(await statuses())).toEqual(new Set([404]));
    await expectSound();
  });
});

describe('lists', () => {
  beforeAll(() => pushBlob('listed', Buffer.from('x')));

  const lists: readonly (readonly [target: string, status: number, code: string | undefined])[] = [
    ['/v2/_catalog?n=1000000000', 200, undefined],
    ['/v2/listed/tags/list?n=99999999999999999999999', 200, undefined],
    ['/v2/_catalog?n=1e9', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/_catalog?n=-1', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/listed/tags/list?n=abc', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/listed/tags/list?n=', 400, 'PAGINATION_NUMBER_INVALID'],
    [`/v2/listed/tags/list?last=${'t'.repeat(10_000)}`, 400, 'TAG_INVALID'],
    [`/v2/_catalog?last=${'r'.repeat(10_000)}`, 400, 'NAME_INVALID'],
    [`/v2/listed/referrers/${UNKNOWN}?last=${'d'.repeat(10_000)}`, 400, 'DIGEST_INVALID'],
    [`/v2/listed/referrers/${UNKNOWN}?artifactType=${'x'.repeat(10_000)}`, 200, undefined],
    [`/v2/listed/tags/list?last=';DROP%20TABLE%20tags;--`, 400, 'TAG_INVALID'],
  ];
  test.each(lists.map((row) => [short(row[0]), ...row] as const))('%s', async (_, target, status, code) => {
    expect(await codeOf(await served.send('GET', target))).toEqual([status, code]);
    await expectSound();
  });
});

describe('blobs', () => {
  const bytes = Buffer.from('hello, blob');
  beforeAll(() => pushBlob('b', bytes));

  test.each([
    ['bytes that are others', `?digest=${UNKNOWN}`, {}, 400, 'DIGEST_INVALID'],
    ['less than it says', `?digest=${digestOf(bytes)}`, { 'content-range': '0-99' }, 400, 'SIZE_INVALID'],
    ['more than it says', `?digest=${digestOf(bytes)}`, { 'content-range': '0-1' }, 400, 'SIZE_INVALID'],
    ['another place', `?digest=${digestOf(bytes)}`, { 'content-range': '5-15' }, 416, 'RANGE_INVALID'],
    [
      'an endless range',
      `?digest=${digestOf(bytes)}`,
      { 'content-range': `0-${'9'.repeat(400)}` },
      416,
      'RANGE_INVALID',
    ],
  ])('a PUT of %s is refused, and can be cancelled', async (_, query, headers, status, code) => {
    const begun = await served.send('POST', '/v2/c/blobs/uploads/');
    const upload = begun.headers.get('location') ?? '';
    expect(await codeOf(await served.send('PUT', upload + query, { headers, body: bytes }))).toEqual([status, code]);
    await served.send('DELETE', upload);
    expect((await served.send('HEAD', `/v2/c/blobs/${digestOf(bytes)}`)).status).toBe(404);
    await expectSound();
    await expectNoUploads();
  });

  test('a whole push that ends before its length leaves nothing', async () => {
    const target = `/v2/c/blobs/uploads/?digest=${digestOf(bytes)}`;
    using connection = await RawConnection.open(served.port);
    connection.send(`POST ${target} HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n${bytes.toString()}`);
    const known = served.lines.length;
    connection[Symbol.dispose]();
    await expect.poll(() => served.lines.length).toBeGreaterThan(known);
    await expectNoUploads();
    expect((await served.send('HEAD', `/v2/c/blobs/${digestOf(bytes)}`)).status).toBe(404);
  });

  test('what follows a body is no part of it', async () => {
    const request = `POST /v2/c/blobs/uploads/?digest=${digestOf('hello')} HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\n`;
    const answer = await rawExchange(served.port, `${request}${bytes.toString()}\r\n\r\n`);
    expect(answer).toMatch(/HTTP\/1\.1 400 .*\r\nconnection: close\r\n\r\n$/is);
    await expectNoUploads();
    expect((await served.send('HEAD', `/v2/c/blobs/${digestOf(bytes)}`)).status).toBe(404);
  });

  test.each([
    ['a repository that is not there', `mount=${digestOf(bytes)}&from=nobody`],
    ['one that lacks it', `mount=${UNKNOWN}&from=b`],
    ['anywhere, and nobody has it', `mount=${UNKNOWN}`],
  ])('a mount from %s is an upload', async (_, query) => {
    const answer = await served.send('POST', `/v2/d/blobs/uploads/?${query}`);
    expect(answer.status).toBe(202);
    expect((await served.send('DELETE', answer.headers.get('location') ?? '')).status).toBe(204);
    await expectNoUploads();
  });

  test('a thousand ranges are none', async () => {
    const range = `bytes=${Array.from({ length: 1000 }, (_, nth) => `${nth}-${nth}`).join(',')}`;
    const answer = await served.send('GET', `/v2/b/blobs/${digestOf(bytes)}`, { headers: { range } });
    expect([answer.status, await answer.text()]).toEqual([200, bytes.toString()]);
    await expectSound();
  });

  test.each(['bytes=99999999999999999999-', 'bytes=5-1', 'bytes=-0'])('the range %s is none of them', async (range) => {
    const answer = await served.send('GET', `/v2/b/blobs/${digestOf(bytes)}`, { headers: { range } });
    expect(await codeOf(answer)).toEqual([416, 'RANGE_INVALID']);
  });
});

describe('headers', () => {
  test('a host of 8 kB is a host', async () => {
    const request = `GET /v2/ HTTP/1.1\r\nHost: ${'h'.repeat(8192)}\r\nConnection: close\r\n\r\n`;
    expect(await rawExchange(served.port, request)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('of 2 MB the beginning is read, and refused', async () => {
    using connection = await RawConnection.open(served.port);
    connection.send(`GET /v2/ HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(350_000)}\r\n`);
    // It is reset with all that it has not read.
    expect(await connection.untilClosed().catch(() => '')).toMatch(/^(HTTP\/1\.1 431 |$)/);
    await expectSound();
  });
});

function openFiles(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

test('blobs that one connection asks for in a row, and does not take, are opened a few at a time', async () => {
  const bytes = Buffer.alloc(2_000_000, 'row');
  await pushBlob('row', bytes);
  const before = openFiles();
  using connection = await RawConnection.open(served.port);
  connection.send(`GET /v2/row/blobs/${digestOf(bytes)} HTTP/1.1\r\n${HOST}\r\n`.repeat(5000));
  await connection.until('\r\n\r\n');
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await served.send('GET', '/v2/')).status).toBe(200);
    expect(openFiles() - before).toBeLessThan(30);
  }
});

test('uploads that are begun and left take no memory and no open file, and go after a day', async () => {
  await served.send('GET', '/v2/');
  const before = openFiles();
  const begin = async () => expect((await served.send('POST', '/v2/left/blobs/uploads/')).status).toBe(202);
  for (let nth = 0; nth < LEFT / 10; nth += 1) await Promise.all(Array.from({ length: 10 }, begin));
  expect(await Array.fromAsync(store.content.listIngests())).toHaveLength(LEFT);
  expect(openFiles() - before).toBeLessThan(50);
  const now = () => Date.now() + 2 * DAY_MS;
  expect(await collectGarbage({ ...store, now })).toMatchObject({ uploads: LEFT });
  await expectNoUploads();
  await expectSound();
});

test('a push that stands still is ended, and its upload goes on where it stood', async () => {
  const clock = new FakeClock();
  await using slow = await serve(registryHandler(store.registry), { clock, progressCheckMs: 1 });
  const upload = (await slow.send('POST', '/v2/slow/blobs/uploads/')).headers.get('location') ?? '';
  using connection = await RawConnection.open(slow.port);
  connection.send(`PATCH ${upload} HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nhello`);
  const range = async () => (await slow.send('GET', upload)).headers.get('range');
  await expect.poll(range).toBe('0-4');
  clock.advance(120_000);
  expect(await connection.untilClosed()).toBe('');
  const resume = async () =>
    (await slow.send('PATCH', upload, { headers: { 'content-range': '5-6' }, body: '!!' })).status;
  await expect.poll(resume).toBe(202);
  expect((await slow.send('PUT', `${upload}?digest=${digestOf('hello!!')}`)).status).toBe(201);
  await expectNoUploads();
});
