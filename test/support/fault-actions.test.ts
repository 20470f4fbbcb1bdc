import { describe, expect, test } from 'vitest';
import { askHub, tokenFor } from './ask-hub.ts';
import { hubWith, images, statusOf, textOf } from './hub-with-fault.ts';
import { startHub } from './hub/hub.ts';
import { indexIn } from './image-in.ts';
import {
  corruptAt,
  delay,
  hang,
  html,
  ignoreQuery,
  omitField,
  redirectTo,
  refuse,
  replaceBody,
  resetAt,
  respond,
  rewriteHeader,
  setHeader,
  stripHeader,
  truncateAt,
} from './origin/fault-actions.ts';

describe('a connection', () => {
  test('can hang until the client gives up', async () => {
    await using hub = await hubWith({ kind: 'ping' }, hang());
    const asked = fetch(`${hub.registryUrl}/v2/`, { signal: AbortSignal.timeout(50) });
    await expect(asked).rejects.toThrow('timeout');
  });

  test('can be slow', async () => {
    await using hub = await hubWith({ kind: 'ping' }, delay(40));
    const started = performance.now();
    await fetch(`${hub.registryUrl}/v2/`);
    expect(performance.now() - started).toBeGreaterThan(35);
  });

  test.each([0, 1, 100])('can be reset at byte %i', async (atByte) => {
    await using hub = await hubWith({ kind: 'manifest' }, resetAt(atByte));
    await expect(textOf(hub, 'manifests/latest')).rejects.toThrow(/fetch failed|terminated/);
  });

  test.each([0, 1, 100])('can end early, at byte %i, though the status is right', async (atByte) => {
    await using hub = await hubWith({ kind: 'manifest' }, truncateAt(atByte));
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([response.status, Number(response.headers.get('content-length')) > 1000]).toEqual([200, true]);
    await expect(response.text()).rejects.toThrow('terminated');
  });
});

describe('a body', () => {
  test('can have one wrong byte', async () => {
    await using hub = await startHub({ images });
    const right = await textOf(hub, 'manifests/latest');
    hub.faults.add({ when: { kind: 'manifest' }, action: corruptAt(7) });
    const wrong = await (await askHub(hub, 'library/nginx', 'manifests/latest')).bytes();
    const differing = [...Buffer.from(right)].flatMap((byte, index) => (byte === wrong[index] ? [] : [index]));
    expect(differing).toEqual([7]);
  });

  test('can be another one, or a web page', async () => {
    await using hub = await hubWith({ kind: 'manifest' }, replaceBody('{}'));
    expect(await textOf(hub, 'manifests/latest')).toBe('{}');
    hub.faults.clear();
    hub.faults.add({ when: { kind: 'manifest' }, action: html() });
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  test.each([-10, 10])('can be %i bytes off what Content-Length says', async (difference) => {
    await using hub = await startHub({ images });
    const { length } = await textOf(hub, 'manifests/latest');
    hub.faults.add({ when: { kind: 'manifest' }, action: setHeader('Content-Length', String(length + difference)) });
    const head = await askHub(hub, 'library/nginx', 'manifests/latest', { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(length + difference));
    const got = await textOf(hub, 'manifests/latest').catch(() => undefined);
    expect(got?.length).toBe(difference < 0 ? length + difference : undefined);
  });
});

describe('headers', () => {
  test.each(['Docker-Content-Digest', 'Content-Type', 'Content-Length'])('can lack %s', async (name) => {
    await using hub = await hubWith({ kind: 'manifest' }, stripHeader(name));
    for (const method of ['HEAD', 'GET']) {
      const response = await askHub(hub, 'library/nginx', 'manifests/latest', { method });
      expect([response.status, response.headers.get(name)]).toEqual([200, null]);
    }
  });

  test.each([
    ['two challenges', '^', 'Basic realm="x", ', 'Basic realm="x", Bearer realm="http://'],
    ['a realm that is no URL', 'realm="[^"]*"', 'realm="not a url"', 'Bearer realm="not a url",service='],
  ])('can carry %s', async (_, pattern, replacement, expected) => {
    await using hub = await hubWith({ kind: 'ping' }, rewriteHeader('WWW-Authenticate', pattern, replacement));
    const { headers } = await fetch(`${hub.registryUrl}/v2/`);
    expect(headers.get('www-authenticate')).toContain(expected);
  });

  test('can hold a Link with a comma inside <>', async () => {
    await using hub = await hubWith({ kind: 'tags' }, rewriteHeader('Link', 'last=', 'x=1,2&last='));
    const { headers } = await askHub(hub, 'library/nginx', 'tags/list?n=1');
    expect(headers.get('link')).toMatch(/^<\/v2\/library\/nginx\/tags\/list\?x=1,2&last=/);
  });
});

describe('a registry can also', () => {
  test('redirect anything elsewhere', async () => {
    await using hub = await hubWith({ kind: 'manifest' }, redirectTo('http://169.254.169.254/'));
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([response.status, response.headers.get('location')]).toEqual([307, 'http://169.254.169.254/']);
  });

  test.each(['token', 'access_token'])('give tokens without the field %s', async (field) => {
    await using hub = await hubWith({ kind: 'token' }, omitField(field));
    const body = (await (await fetch(hub.tokenUrl)).json()) as object;
    expect(Object.keys(body)).not.toContain(field);
    expect(Object.keys(body)).toHaveLength(3);
  });

  test('refuse pages of more than a thousand, or ignore n', async () => {
    await using hub = await hubWith({ kind: 'tags', path: '[?&]n=\\d{4,}' }, refuse('UNSUPPORTED'));
    expect(await statusOf(hub, 'tags/list?n=1001')).toBe(405);
    hub.faults.clear();
    hub.faults.add({ when: { kind: 'tags' }, action: ignoreQuery() });
    const { tags } = JSON.parse(await textOf(hub, 'tags/list?n=1')) as { tags: string[] };
    expect(tags).toHaveLength(5);
  });

  test.each([{}, { 'Retry-After': '7' }])('say 429 with headers %o', async (headers) => {
    await using hub = await hubWith({ kind: 'blob' }, respond({ status: 429, headers, body: 'slow down' }));
    const response = await askHub(hub, 'library/nginx', `blobs/${hub.digestOf('library/nginx', 'latest')}`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, headers['Retry-After'] ?? null]);
    expect(hub.counters).toMatchObject({ blobGets: 0, refused: 1 });
  });

  test('have manifests that do not name their media type', async () => {
    await using hub = await startHub({ images });
    hub.rebuild('library/nginx', 'latest', { omitMediaType: true });
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect(response.headers.get('content-type')).toContain('.index.v1+json');
    expect(Object.keys((await response.json()) as object)).toEqual(['schemaVersion', 'manifests']);
    const child = indexIn(hub, 'library/nginx', 'latest').manifests[0]?.digest;
    expect(Object.keys(JSON.parse(await textOf(hub, `manifests/${child}`)) as object)).not.toContain('mediaType');
  });
});

test('latency is added to every request of every origin', async () => {
  await using hub = await startHub({ images, latencyMs: 30 });
  const started = performance.now();
  await tokenFor(hub, 'repository:library/nginx:pull');
  await fetch(`${hub.apiUrl}/v2/repositories/library`);
  expect(performance.now() - started).toBeGreaterThan(55);
});
