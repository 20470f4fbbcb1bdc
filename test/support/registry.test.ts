import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { refuse, respond, ignoreQuery } from './origin/fault-actions.ts';
import { type Registry, type RegistryOptions, startRegistry } from './registry/registry.ts';

const BLOB = Buffer.from('hello, blob');
const BLOB_DIGEST = digestOf(BLOB);
const CONFIG = Buffer.from('{}');
const MANIFEST = JSON.stringify(
  {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociImage,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(CONFIG), size: CONFIG.byteLength },
    layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: BLOB_DIGEST, size: BLOB.byteLength }],
  },
  undefined,
  3,
);

describe('an upload', () => {
  test('is a POST and a PUT of the whole blob, and its Location already has a query', async () => {
    await using registry = await startRegistry();
    const location = await startUpload(registry, 'a/b');
    expect(location).toContain('?');
    const response = await put(`${location}&digest=${BLOB_DIGEST}`, BLOB);
    expect(response.status).toBe(201);
    expect(response.headers.get('docker-content-digest')).toBe(BLOB_DIGEST);
    expect(await getText(registry, `a/b/blobs/${BLOB_DIGEST}`)).toBe('hello, blob');
    expect(registry.counters).toMatchObject({ uploadsStarted: 1, blobPuts: 1, blobGets: 1 });
    expect(registry.counters.blobPutsByDigest.get(BLOB_DIGEST)).toBe(1);
  });

  test('can be one POST', async () => {
    await using registry = await startRegistry();
    const url = `${registry.url}/v2/a/b/blobs/uploads/?digest=${BLOB_DIGEST}`;
    expect((await fetch(url, { method: 'POST', body: BLOB })).status).toBe(201);
  });

  test('can come in chunks, each at the Location that the last one gave, and out of order is 416', async () => {
    await using registry = await startRegistry();
    const first = await startUpload(registry, 'a/b');
    const patched = await patch(first, BLOB.subarray(0, 5), '0-4');
    expect(patched.headers.get('range')).toBe('0-4');
    const second = absolute(registry, patched);
    const ahead = await patch(second, BLOB.subarray(7), '7-10');
    expect(ahead.status).toBe(416);
    expect(ahead.headers.get('range')).toBe('0-4');
    expect((await patch(first, BLOB.subarray(5), '5-10')).status).toBe(416);
    const status = await fetch(second);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-4']);
    expect((await put(`${absolute(registry, status)}&digest=${BLOB_DIGEST}`, BLOB.subarray(5))).status).toBe(201);
    expect(await getText(registry, `a/b/blobs/${BLOB_DIGEST}`)).toBe('hello, blob');
  });

  test('can be streamed in one PATCH without Content-Range or length', async () => {
    await using registry = await startRegistry();
    const body = ReadableStream.from([BLOB.subarray(0, 3), BLOB.subarray(3)]);
    const response = await fetch(await startUpload(registry, 'a/b'), { method: 'PATCH', body, duplex: 'half' });
    expect([response.status, response.headers.get('range')]).toEqual([202, '0-10']);
    expect((await put(`${absolute(registry, response)}&digest=${BLOB_DIGEST}`)).status).toBe(201);
  });

  test('that hashes to something else is refused and gone', async () => {
    await using registry = await startRegistry();
    const location = await startUpload(registry, 'a/b');
    const response = await put(`${location}&digest=${digestOf('another')}`, BLOB);
    expect(await codeOf(response)).toEqual([400, 'DIGEST_INVALID']);
    expect(await codeOf(await fetch(location))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
  });

  test('can be cancelled', async () => {
    await using registry = await startRegistry();
    const location = await startUpload(registry, 'a/b');
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(location)).status).toBe(404);
  });

  test('mounts what the other repository has, and becomes a session for what it lacks', async () => {
    await using registry = await startRegistry();
    await pushBlob(registry, 'a/b', BLOB);
    const mount = `${registry.url}/v2/c/d/blobs/uploads/?mount=${BLOB_DIGEST}&from=`;
    expect((await fetch(`${mount}a/b`, { method: 'POST' })).status).toBe(201);
    expect((await fetch(`${mount}x/y`, { method: 'POST' })).status).toBe(202);
    expect((await fetch(`${registry.url}/v2/c/d/blobs/${BLOB_DIGEST}`)).status).toBe(200);
    expect(registry.counters).toMatchObject({ mounts: 1, uploadsStarted: 2 });
  });
});

describe('a blob', () => {
  test.each([
    ['bytes=0-4', 206, 'hello', 'bytes 0-4/11'],
    ['bytes=7-', 206, 'blob', 'bytes 7-10/11'],
    ['bytes=-4', 206, 'blob', 'bytes 7-10/11'],
    ['bytes=7-100', 206, 'blob', 'bytes 7-10/11'],
    ['bytes=11-', 416, '', 'bytes */11'],
    ['bytes=5-0', 416, '', 'bytes */11'],
    ['bytes=0-1,3-4', 200, 'hello, blob', null],
  ])('of which a range %s is asked', async (range, status, body, contentRange) => {
    await using registry = await startRegistry();
    await pushBlob(registry, 'a/b', BLOB);
    const response = await fetch(`${registry.url}/v2/a/b/blobs/${BLOB_DIGEST}`, { headers: { range } });
    expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([
      status,
      body,
      contentRange,
    ]);
  });

  test('is known to the repositories that it was pushed for alone', async () => {
    await using registry = await startRegistry();
    await pushBlob(registry, 'a/b', BLOB);
    expect(await codeOf(await fetch(`${registry.url}/v2/c/d/blobs/${BLOB_DIGEST}`))).toEqual([404, 'BLOB_UNKNOWN']);
  });
});

describe('a manifest', () => {
  test('comes back byte for byte with the type that it was pushed with, by tag and by digest', async () => {
    await using registry = await startRegistry();
    await pushImage(registry, 'a/b', 'v1');
    for (const reference of ['v1', digestOf(MANIFEST)]) {
      const response = await fetch(`${registry.url}/v2/a/b/manifests/${reference}`);
      expect(response.headers.get('content-type')).toBe(MEDIA_TYPES.ociImage);
      expect(response.headers.get('docker-content-digest')).toBe(digestOf(MANIFEST));
      expect(await response.text()).toBe(MANIFEST);
    }
    const head = await fetch(`${registry.url}/v2/a/b/manifests/v1`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(MANIFEST.length));
  });

  test('is refused while the repository lacks a blob or child that it names', async () => {
    await using registry = await startRegistry();
    expect(await codeOf(await putManifest(registry, 'a/b', 'v1'))).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
    const child = { mediaType: MEDIA_TYPES.ociImage, digest: digestOf(MANIFEST), size: MANIFEST.length };
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [child] });
    const refused = await putManifest(registry, 'a/b', 'v1', index, MEDIA_TYPES.ociIndex);
    expect(await codeOf(refused)).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
    await pushImage(registry, 'a/b', 'v1-amd64');
    expect((await putManifest(registry, 'a/b', 'v1', index, MEDIA_TYPES.ociIndex)).status).toBe(201);
  });

  test('is refused under a digest or a type that is not its own', async () => {
    await using registry = await startRegistry();
    await pushImage(registry, 'a/b', 'v1');
    expect(await codeOf(await putManifest(registry, 'a/b', digestOf('x')))).toEqual([400, 'DIGEST_INVALID']);
    const mistyped = await putManifest(registry, 'a/b', 'v1', MANIFEST, MEDIA_TYPES.dockerImage);
    expect(await codeOf(mistyped)).toEqual([400, 'MANIFEST_INVALID']);
  });

  test('deleted by digest takes its tags along; a tag alone leaves it', async () => {
    await using registry = await startRegistry();
    await pushImage(registry, 'a/b', 'v1');
    await pushImage(registry, 'a/b', 'v2');
    const manifests = `${registry.url}/v2/a/b/manifests`;
    expect((await fetch(`${manifests}/v1`, { method: 'DELETE' })).status).toBe(202);
    expect(await codeOf(await fetch(`${manifests}/v1`))).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect((await fetch(`${manifests}/v2`)).status).toBe(200);
    expect((await fetch(`${manifests}/${digestOf(MANIFEST)}`, { method: 'DELETE' })).status).toBe(202);
    expect((await fetch(`${manifests}/v2`)).status).toBe(404);
  });
});

test('tags and repositories are listed in pages that a relative Link joins', async () => {
  await using registry = await startRegistry();
  for (const tag of ['c', 'a', 'b']) await pushImage(registry, 'x/y', tag);
  const first = await fetch(`${registry.url}/v2/x/y/tags/list?n=2`);
  expect(await first.json()).toEqual({ name: 'x/y', tags: ['a', 'b'] });
  expect(first.headers.get('link')).toBe('</v2/x/y/tags/list?last=b&n=2>; rel="next"');
  const second = await fetch(`${registry.url}/v2/x/y/tags/list?last=b&n=2`);
  expect([await second.json(), second.headers.get('link')]).toEqual([{ name: 'x/y', tags: ['c'] }, null]);
  expect(await getText(registry, 'x/y/tags/list?n=0')).toBe('{"name":"x/y","tags":[]}');
  expect(await getText(registry, '_catalog')).toBe('{"repositories":["x/y"]}');
  expect((await fetch(`${registry.url}/v2/x/y/tags/list?n=many`)).status).toBe(400);
  expect(await codeOf(await fetch(`${registry.url}/v2/no/such/tags/list`))).toEqual([404, 'NAME_UNKNOWN']);
});

describe('a login', () => {
  const account = { username: 'ada', password: 'secret:1' };
  const basic = `Basic ${Buffer.from('ada:secret:1').toString('base64')}`;

  test('by Basic is asked for', async () => {
    await using registry = await startRegistry({ login: { ...account, scheme: 'basic' } });
    const refused = await fetch(`${registry.url}/v2/`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="registry"']);
    expect((await fetch(`${registry.url}/v2/`, { headers: { authorization: basic } })).status).toBe(200);
    expect(registry.counters).toMatchObject({ unauthorized: 1, requests: 2 });
  });

  test('by Bearer wants a token for what is done', async () => {
    await using registry = await startRegistry({ login: { ...account, scheme: 'bearer' } });
    const upload = { method: 'POST', headers: {} };
    const refused = await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, upload);
    const challenge = refused.headers.get('www-authenticate') ?? '';
    expect(challenge).toBe(`Bearer realm="${registry.url}/token",service="registry",scope="repository:a/b:pull,push"`);
    const ask = async (scope: string, headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${registry.url}/token?service=registry&scope=${scope}`, { headers });
      const { token } = (await answer.json()) as { token: string };
      const authorization = `Bearer ${token}`;
      return (await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { ...upload, headers: { authorization } })).status;
    };
    expect(await ask('repository:a/b:pull,push', { authorization: basic })).toBe(202);
    expect(await ask('repository:a/b:pull', { authorization: basic })).toBe(401);
    expect(await ask('repository:a/b:pull,push', {})).toBe(401);
  });
});

describe('faults at a target', () => {
  const mount = `/v2/c/d/blobs/uploads/?mount=${BLOB_DIGEST}&from=a/b`;

  test('can refuse mounts', async () => {
    await using registry = await startWith({ when: { kind: 'mount' }, action: ignoreQuery() });
    await pushBlob(registry, 'a/b', BLOB);
    expect((await fetch(registry.url + mount, { method: 'POST' })).status).toBe(202);
    expect(registry.counters).toMatchObject({ mounts: 0, uploadsStarted: 2 });
  });

  test('can lose an upload', async () => {
    const action = refuse('BLOB_UPLOAD_UNKNOWN');
    await using registry = await startWith({ when: { kind: 'upload', method: 'PUT', nth: 1 }, action });
    const location = await startUpload(registry, 'a/b');
    expect((await put(`${location}&digest=${BLOB_DIGEST}`, BLOB)).status).toBe(404);
    await pushBlob(registry, 'a/b', BLOB);
  });

  test('can make it read-only', async () => {
    const when = { method: ['POST', 'PUT', 'PATCH', 'DELETE'] };
    await using registry = await startWith({ when, action: refuse('UNSUPPORTED') });
    expect(await codeOf(await putManifest(registry, 'a/b', 'v1'))).toEqual([405, 'UNSUPPORTED']);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  test('can say 413, though nothing has been stored', async () => {
    await using registry = await startWith({ when: { kind: 'manifest' }, action: respond({ status: 413 }) });
    expect((await putManifest(registry, 'a/b', 'v1')).status).toBe(413);
    expect(registry.content.repositories()).toEqual([]);
  });
});

function startWith(...faults: NonNullable<RegistryOptions['faults']>): Promise<Registry> {
  return startRegistry({ faults });
}

async function startUpload(registry: Registry, repository: string): Promise<string> {
  return absolute(registry, await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' }));
}

function absolute(registry: Registry, response: Response): string {
  return registry.url + response.headers.get('location');
}

function put(url: string, body: Uint8Array<ArrayBuffer> | null = null): Promise<Response> {
  return fetch(url, { method: 'PUT', body });
}

function patch(url: string, body: Uint8Array<ArrayBuffer>, range: string): Promise<Response> {
  return fetch(url, { method: 'PATCH', body, headers: { 'content-range': range } });
}

async function pushBlob(registry: Registry, repository: string, blob: Buffer<ArrayBuffer>): Promise<void> {
  const response = await put(`${await startUpload(registry, repository)}&digest=${digestOf(blob)}`, blob);
  expect(response.status).toBe(201);
}

async function pushImage(registry: Registry, repository: string, tag: string): Promise<void> {
  for (const blob of [BLOB, CONFIG]) await pushBlob(registry, repository, blob);
  expect((await putManifest(registry, repository, tag)).status).toBe(201);
}

function putManifest(
  registry: Registry,
  repository: string,
  reference: string,
  body = MANIFEST,
  mediaType: string = MEDIA_TYPES.ociImage,
): Promise<Response> {
  const headers = { 'content-type': mediaType };
  return fetch(`${registry.url}/v2/${repository}/manifests/${reference}`, { method: 'PUT', body, headers });
}

async function getText(registry: Registry, path: string): Promise<string> {
  return (await fetch(`${registry.url}/v2/${path}`)).text();
}

async function codeOf(response: Response): Promise<[status: number, code: string | undefined]> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return [response.status, errors[0]?.code];
}
