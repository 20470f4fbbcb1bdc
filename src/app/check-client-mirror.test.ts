import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOf } from '../client-config/endpoint-place.ts';
import { parseConfig } from '../config/parse-config.ts';
import { digestOf } from '../oci/digest.ts';
import { parseReference } from '../oci/reference.ts';
import { checkClientMirror } from './check-client-mirror.ts';
import { Session } from './session.ts';

let started: AsyncDisposableStack;
let session: Session;
let url: string;
let asked: string[];
let answer: (response: ServerResponse, path: string) => void;

beforeEach(async () => {
  started = new AsyncDisposableStack();
  asked = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(response, request.url ?? '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = parseConfig('', { file: '', env: {}, resolvePath: (path) => path, readSecret: () => '' });
  session = started.use(new Session({ config, credentials: { find: () => Promise.resolve(undefined) } }));
});
afterEach(() => started.disposeAsync());

const MANIFEST = {
  'content-type': 'application/vnd.oci.image.manifest.v1+json',
  'content-length': '2',
  'docker-content-digest': digestOf('{}'),
};

async function check(text: string, at = url, isDedicated = false): Promise<readonly string[]> {
  const image = parseReference(text);
  const upstream = { name: image.domain, registryUrl: `https://${image.domain}`, endpoints: [] };
  const place = placeOf({ url: at, isDedicated }, upstream);
  const findings = await checkClientMirror(session, { place, image, caFile: undefined });
  return findings.map(
    ({ state, message }) => `${state}: ${message.replaceAll(url, 'URL').replaceAll(url.slice(7), 'HOST')}`,
  );
}

test('a mirror that has the image is good; no pull is spent to know it', async () => {
  answer = (response) => response.writeHead(200, MANIFEST).end('{}');
  expect(await check('busybox')).toEqual([
    'ok: URL answers as a registry does',
    'ok: URL has docker.io/library/busybox:latest',
  ]);
  await check('ghcr.io/owner/app:1');
  await check('ghcr.io/owner/app:1', `${url}/base/v2/team`, true);
  expect(asked.filter((request) => !/^GET .*\/v2\/$/.test(request))).toEqual([
    'HEAD /v2/library/busybox/manifests/latest',
    'HEAD /v2/ghcr.io/owner/app/manifests/1',
    'HEAD /base/v2/team/owner/app/manifests/1',
  ]);
});

test('a web server is no registry', async () => {
  answer = (response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>');
  expect(await check('busybox')).toEqual([
    "wrong: HOST answered 404 text/html for its API root /v2/, which is no registry's answer",
  ]);
});

test('nor is a page that says 200 to everything', async () => {
  answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  expect((await check('busybox')).at(-1)).toMatch(/^wrong: HOST answered "text\/html" for .*, which is no registry's/);
});

test('a mirror that wants a login is of no use to clients without one', async () => {
  answer = (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  expect(await check('busybox')).toEqual([
    expect.stringMatching(/^wrong: HOST wants a login for .*\. Clients are not asked for a login to a mirror/),
  ]);
});

test('a mirror without the image may not know its upstream', async () => {
  answer = (response, path) =>
    response.writeHead(path === '/v2/' ? 200 : 404, { 'content-type': 'application/json' }).end();
  expect((await check('quay.io/team/tool:2')).at(-1)).toBe(
    'wrong: HOST has no manifest quay.io/team/tool:2. Either its upstream has no such image, or URL does not know the upstream',
  );
});

test('a mirror that is out of pulls says so', async () => {
  const limited = { 'ratelimit-remaining': '0;w=3600', 'content-type': 'application/json' };
  answer = (response, path) => response.writeHead(path === '/v2/' ? 200 : 429, limited).end();
  expect((await check('busybox')).at(-1)).toMatch(/^wrong: HOST has no pulls left in this window for /);
});

test('the wrong scheme is told from the right one', async () => {
  answer = (response) => response.writeHead(200, MANIFEST).end('{}');
  expect(await check('busybox', url.replace('http:', 'https:'))).toEqual([
    `wrong: there is no registry at https://HOST, but one at URL; say so in --mirror`,
  ]);
});

test('a port at which nothing listens says so', async () => {
  expect(await check('busybox', 'http://127.0.0.1:9')).toEqual([
    expect.stringMatching(/^wrong: 127\.0\.0\.1:9 refused the connection; nothing listens there/),
  ]);
});
