// The cases of the conformance suite against the registry as it is served: the store on a disk, over a socket.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOB_CASES } from '../../test/support/hosted/conformance/blob-cases.ts';
import { LIST_CASES } from '../../test/support/hosted/conformance/list-cases.ts';
import { MANIFEST_CASES } from '../../test/support/hosted/conformance/manifest-cases.ts';
import type { Served } from '../../test/support/hosted/served-registry.ts';
import { LOOPBACK, openRegistryServer } from '../../test/support/hosted/open-server.ts';
import type { Config } from '../config/config.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type RegistryServer, describeAddress } from './registry-server.ts';

let folder: string;
let server: RegistryServer;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-registry-'));
  server = await openServer({ admin: LOOPBACK, immutableTags: ['team/app:v*'] });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const send: Served['send'] = (method, at, more) => sendTo(server, method, at, more);

function sendTo(to: RegistryServer, method: string, at: string, more: Parameters<Served['send']>[2] = {}) {
  const [address = LOOPBACK] = to.addresses;
  // Streams need to be told that the answer may only come after them.
  const init: RequestInit = { method, redirect: 'manual', duplex: 'half', ...more };
  return fetch(`${describeAddress(address)}${at}`, init);
}

describe.each(['sha256', 'sha512'] as const)('with %s, on a disk', (algorithm) => {
  for (const [index, [section, sentence, run]] of [...BLOB_CASES, ...MANIFEST_CASES, ...LIST_CASES].entries()) {
    test(`${sentence} (§${section})`, () => run({ algorithm, repository: `conformance/${algorithm}-${index}`, send }));
  }
});

test('an address that somebody has is named in a sentence with its flag, and nothing stays open', async () => {
  const listening = openServer({ listen: [LOOPBACK, ...server.addresses] });
  await expect(listening).rejects.toThrow(UsageError);
  await expect(listening).rejects.toThrow(/http:\/\/127\.0\.0\.1:\d+ cannot be listened on.* --listen$/);
  const administered = openServer({ admin: server.addresses[0] });
  await expect(administered).rejects.toThrow(UsageError);
  await expect(administered).rejects.toThrow(
    /; health and metrics are to be there; choose another with --admin, or --admin off$/,
  );
});

describe('a socket', () => {
  const socketOf = (name: string) => ({ kind: 'unix', path: path.join(folder, name) }) as const;

  test('that somebody listens to is refused, on either listener', async () => {
    const socket = socketOf('taken.sock');
    await using _first = await openServer({ listen: [socket] });
    await expect(openServer({ listen: [socket] })).rejects.toThrow(/taken\.sock cannot be listened on .* --listen$/);
    await expect(openServer({ admin: socket })).rejects.toThrow(/taken\.sock cannot be listened on .* --admin off$/);
  });

  test('that a killed process left behind is taken over, on either listener', async () => {
    for (const name of ['listen', 'admin'] as const) {
      const socket = socketOf(`${name}-left.sock`);
      leaveSocket(socket.path);
      await using again = await openServer(name === 'listen' ? { listen: [socket] } : { admin: socket });
      expect(name === 'listen' ? again.addresses : [again.adminAddress]).toEqual([socket]);
    }
  });
});

describe('an immutable tag', () => {
  const put = (tag: string, text: string) => {
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [],
      annotations: { text },
    });
    return send('PUT', `/v2/team/app/manifests/${tag}`, { headers: { 'content-type': MEDIA_TYPES.ociIndex }, body });
  };

  test('stays where it is: another digest and its deletion are refused, the same digest is fine', async () => {
    expect((await put('v1', 'first')).status).toBe(201);
    expect((await put('v1', 'first')).status).toBe(201);
    const moved = await put('v1', 'second');
    expect(moved.status).toBe(403);
    expect(await moved.json()).toMatchObject({
      errors: [
        { code: 'DENIED', message: expect.stringMatching(/^the tag team\/app:v1 is immutable, and stays at sha256:/) },
      ],
    });
    expect((await send('DELETE', '/v2/team/app/manifests/v1')).status).toBe(403);
  });

  test('is one that a pattern names: others move', async () => {
    expect((await put('latest', 'first')).status).toBe(201);
    expect((await put('latest', 'second')).status).toBe(201);
    expect((await send('DELETE', '/v2/team/app/manifests/latest')).status).toBe(202);
  });
});

describe('a tag is changed on condition', () => {
  const bodyOf = (text: string) =>
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], annotations: { text } });
  const put = (tag: string, text: string, condition: Record<string, string> = {}) => {
    const headers = { 'content-type': MEDIA_TYPES.ociIndex, ...condition };
    return send('PUT', `/v2/conditional/app/manifests/${tag}`, { headers, body: bodyOf(text) });
  };
  const [old, other] = ['old', 'other'].map((text) => digestOf(bodyOf(text)));
  let count = 0;

  test.each([
    ['if-none-match', '*', false, [201, 404]],
    ['if-none-match', '*', true, [412, 412]],
    ['if-none-match', `W/"${old}"`, true, [412, 412]],
    ['if-none-match', `"${other}"`, true, [201, 202]],
    ['if-match', `"${other}", "${old}"`, true, [201, 202]],
    ['if-match', '*', true, [201, 202]],
    // RFC 9110 §13.2.1: what fails without the condition fails as it does without it.
    ['if-match', '*', false, [412, 404]],
    ['if-match', `"${other}"`, true, [412, 412]],
    ['if-match', `W/"${old}"`, true, [412, 412]],
  ] as const)('%s: %s, where it is there: %s', async (name, condition, isThere, statuses) => {
    const [moved, deleted] = [`moved-${count}`, `deleted-${(count += 1)}`];
    for (const tag of [moved, deleted]) await put(isThere ? tag : 'another', 'old');
    const headers = { [name]: condition };
    const answers = [
      await put(moved, 'new', headers),
      await send('DELETE', `/v2/conditional/app/manifests/${deleted}`, { headers }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(statuses);
    for (const answer of answers.filter(({ status }) => status === 412)) {
      const message = expect.stringMatching(/^the tag \S+ (is not there|means sha256:)/);
      expect(await answer.json()).toEqual({ errors: [{ code: 'DENIED', message }] });
    }
    const now = await send('HEAD', `/v2/conditional/app/manifests/${moved}`);
    const isMoved = statuses[0] === 201;
    expect(now.headers.get('docker-content-digest')).toBe(isMoved ? digestOf(bodyOf('new')) : isThere ? old : null);
  });

  test('of those that make it at the same moment one does', async () => {
    const puts = Array.from({ length: 10 }, (_, nth) => put('first', `made by ${nth}`, { 'if-none-match': '*' }));
    const statuses = (await Promise.all(puts)).map(({ status }) => status);
    expect(statuses.toSorted((one, other) => one - other)).toEqual([201, ...Array<number>(9).fill(412)]);
  });
});

describe('a name that no pattern matches', () => {
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
  const put = { headers: { 'content-type': MEDIA_TYPES.ociIndex }, body: text };
  const layer = 'held by a repository that no pattern matches';
  const digest = digestOf(layer);
  let narrow: RegistryServer;
  const ask: Served['send'] = (method, at, more) => sendTo(narrow, method, at, more);
  beforeAll(async () => {
    await send('PUT', '/v2/old/app/manifests/1', put);
    await send('POST', `/v2/old/app/blobs/uploads/?digest=${digest}`, { body: layer });
    narrow = await openServer({ hosted: ['team/**'] });
  });
  afterAll(async () => await narrow[Symbol.asyncDispose]());

  test.each([
    ['PUT', '/v2/other/app/manifests/1', put],
    ['POST', '/v2/other/app/blobs/uploads/', {}],
    ['POST', `/v2/other/app/blobs/uploads/?mount=${digest}&from=old/app`, {}],
  ])('is not pushed to, and the answer says which setting allows it: %s %s', async (method, at, more) => {
    const answer = await ask(method, at, more);
    expect(answer.status).toBe(405);
    const message = expect.stringMatching(/^other\/app is not a name .* hosted: .* --hosted 'other\/app'$/);
    expect(await answer.json()).toEqual({ errors: [{ code: 'UNSUPPORTED', message }] });
  });

  test.each([
    ['GET', '/v2/other/app/manifests/1'],
    ['GET', '/v2/other/app/tags/list'],
    ['DELETE', '/v2/other/app/manifests/1'],
    ['GET', `/v2/other/app/blobs/${digest}`],
  ])('is not known to who asks for it: %s %s', async (method, at) => {
    const answer = await ask(method, at);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ errors: [{ code: 'NAME_UNKNOWN' }] });
  });

  test('stays hosted where a repository exists: it is read, listed, mounted from, pushed to and deleted from', async () => {
    expect((await ask('GET', '/v2/old/app/manifests/1')).status).toBe(200);
    expect((await ask('GET', `/v2/old/app/blobs/${digest}`)).status).toBe(200);
    const catalog = await ask('GET', '/v2/_catalog?n=1&last=old');
    expect(await catalog.json()).toEqual({ repositories: ['old/app'] });
    expect((await ask('POST', `/v2/team/new/blobs/uploads/?mount=${digest}&from=old/app`)).status).toBe(201);
    expect((await ask('PUT', '/v2/old/app/manifests/2', put)).status).toBe(201);
    expect((await ask('POST', '/v2/old/app/blobs/uploads/')).status).toBe(202);
    expect((await ask('DELETE', '/v2/old/app/manifests/2')).status).toBe(202);
  });
});

async function openServer(config: Partial<Config>): Promise<RegistryServer> {
  return await openRegistryServer(folder, { config });
}

/** As a process does that listens and is killed. */
function leaveSocket(file: string): void {
  const listen = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['--eval', listen, file]);
  expect(existsSync(file)).toBe(true);
}

describe('a server with nginx in front', () => {
  const blob = Buffer.from('a layer');
  const at = `/v2/team/app/blobs/${digestOf(blob)}`;
  const fromNginx = { headers: { 'x-sendfile-type': 'X-Accel-Redirect' } };

  test('names the file of a blob to it, below the folder of blobs, and sends the bytes to all others', async () => {
    await using accelerated = await openServer({ accelRedirect: '/_blobs', trustedProxies: ['127.0.0.0/8'] });
    await sendTo(accelerated, 'POST', `/v2/team/app/blobs/uploads/?digest=${digestOf(blob)}`, { body: blob });
    const named = await sendTo(accelerated, 'GET', at, fromNginx);
    expect([named.status, await named.text()]).toEqual([200, '']);
    expect(named.headers.get('docker-content-digest')).toBe(digestOf(blob));
    const place = named.headers.get('x-accel-redirect')?.replace(/^\/_blobs/, 'blobs-v1') ?? '';
    expect(readFileSync(path.join(folder, place))).toEqual(blob);
    expect(await (await sendTo(accelerated, 'GET', at)).text()).toBe('a layer');
  });

  test('names nothing to an nginx that is not among the trusted proxies', async () => {
    await using accelerated = await openServer({ accelRedirect: '/_blobs', trustedProxies: ['192.0.2.1'] });
    expect(await (await sendTo(accelerated, 'GET', at, fromNginx)).text()).toBe('a layer');
  });
});
