import { expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { askHub } from './ask-hub.ts';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import { imageIn, indexIn } from './image-in.ts';

const images = [catalogImage('nginx')];

test('a blob is a redirect to a signed URL of another origin, for GET and HEAD', async () => {
  await using hub = await startHub({ images });
  for (const method of ['GET', 'HEAD']) {
    const response = await askHub(hub, 'library/nginx', `blobs/${firstLayer(hub)}`, { method });
    expect(response.status).toBe(307);
    expect(response.headers.get('location')).toContain(`${hub.cdnUrl}/registry-v2/docker/registry/v2/blobs/sha256/`);
  }
  expect(hub.counters).toMatchObject({ blobGets: 1, cdnGets: 0 });
});

test('the CDN has the bytes, whole or in ranges', async () => {
  await using hub = await startHub({ images });
  const url = await locate(hub);
  const whole = await (await fetch(url)).bytes();
  expect(digestOf(whole)).toBe(firstLayer(hub));
  const part = await fetch(url, { headers: { range: 'bytes=900-999' } });
  expect([part.status, part.headers.get('content-length')]).toEqual([206, '100']);
  expect(await part.bytes()).toEqual(whole.subarray(900, 1000));
  expect(hub.counters.cdnGets).toBe(2);
});

test('the CDN refuses whoever brings a credential, as S3 does', async () => {
  await using hub = await startHub({ images });
  const response = await fetch(await locate(hub), { headers: { authorization: 'Bearer token' } });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('<Code>InvalidArgument</Code>');
});

test('a signed URL expires, and cannot be made to last or lead elsewhere', async () => {
  let now = Date.UTC(2026, 10, 23);
  await using hub = await startHub({ images, now: () => now });
  const url = await locate(hub);
  expect((await fetch(url.replace(/Expires=\d+/, 'Expires=9999999999'))).status).toBe(403);
  expect((await fetch(url.replace(/[0-9a-f]{64}/, '0'.repeat(64)))).status).toBe(403);
  expect((await fetch(url)).status).toBe(200);
  now += 20 * 60 * 1000;
  expect((await fetch(url)).status).toBe(403);
});

test('an unknown blob is BLOB_UNKNOWN', async () => {
  await using hub = await startHub({ images });
  const response = await askHub(hub, 'library/nginx', `blobs/${digestOf('nothing')}`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ errors: [{ code: 'BLOB_UNKNOWN' }] });
});

function firstLayer(hub: Hub): string {
  const child = indexIn(hub, 'library/nginx', 'latest').manifests[0]?.digest ?? '';
  return imageIn(hub, 'library/nginx', child).layers[0]?.digest ?? '';
}

async function locate(hub: Hub): Promise<string> {
  const response = await askHub(hub, 'library/nginx', `blobs/${firstLayer(hub)}`);
  return response.headers.get('location') ?? '';
}
