import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { BLOB, BLOB_DIGEST, MANIFEST, pushBlob, pushImage, putManifest, getText, codeOf } from './push.ts';
import { startRegistry } from './registry/registry.ts';

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
    expect(await codeOf(await putManifest(registry, 'a/b/manifests/v1'))).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
    const child = { mediaType: MEDIA_TYPES.ociImage, digest: digestOf(MANIFEST), size: MANIFEST.length };
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [child] });
    const putIndex = (): Promise<Response> =>
      putManifest(registry, 'a/b/manifests/v1', { body: index, mediaType: MEDIA_TYPES.ociIndex });
    expect(await codeOf(await putIndex())).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
    await pushImage(registry, 'a/b', 'v1-amd64');
    expect((await putIndex()).status).toBe(201);
  });

  test('is refused under a digest or a type that is not its own', async () => {
    await using registry = await startRegistry();
    await pushImage(registry, 'a/b', 'v1');
    const misnamed = await putManifest(registry, `a/b/manifests/${digestOf('x')}`);
    expect(await codeOf(misnamed)).toEqual([400, 'DIGEST_INVALID']);
    const mistyped = await putManifest(registry, 'a/b/manifests/v1', { mediaType: MEDIA_TYPES.dockerImage });
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
