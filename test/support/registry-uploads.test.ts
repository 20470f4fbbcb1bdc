import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { BLOB, BLOB_DIGEST, startUpload, absolute, put, patch, pushBlob, getText, codeOf } from './push.ts';
import { startRegistry } from './registry/registry.ts';

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
