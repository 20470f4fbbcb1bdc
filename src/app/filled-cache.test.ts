// Who fills the cache from elsewhere asks what is here, and not what its upstream has: RFC 9111 §5.2.1.7, only-if-cached.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRegistryServer } from '../../test/support/hosted/open-server.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { readManifest } from '../oci/manifest.ts';
import { describeAddress } from './registry-server.ts';

const IMAGES = [catalogImage('nginx', ['1.27'], ['linux/amd64', 'linux/arm64'])];
const TAG = 'manifests/1.27';
const HEAD = { method: 'HEAD', headers: { 'cache-control': 'only-if-cached' } };
const LIST = { headers: { 'cache-control': 'only-if-cached' } };

let opened: AsyncDisposableStack;
let hub: Hub;
let url: string;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(tmpdir(), 'wharf-filled-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  hub = opened.use(await startHub({ images: IMAGES }));
  const yaml = JSON.stringify({ upstreams: { 'docker.io': { url: hub.registryUrl, hubApi: 'off' } } });
  const server = opened.use(await openRegistryServer(folder, { yaml }));
  url = `${describeAddress(server.addresses[0]!)}/v2/library/nginx/`;
});
afterEach(() => opened.disposeAsync());

async function statusOf(at: string, init?: RequestInit): Promise<number> {
  const answer = await fetch(url + at, init);
  await answer.arrayBuffer();
  return answer.status;
}

async function read(at: string) {
  const { content } = readManifest(new Uint8Array(await (await fetch(url + at)).arrayBuffer()));
  return content;
}

/** Pulls what the descriptor is of, and all below. */
async function pull(at: string): Promise<void> {
  const content = await read(at);
  if (content.kind === 'index') for (const { digest } of content.manifests) await pull(`manifests/${digest}`);
  else
    for (const { digest } of [content.config, ...content.layers]) expect(await statusOf(`blobs/${digest}`)).toBe(200);
}

test('what was never pulled is not here, and no upstream is asked', async () => {
  expect(await statusOf(TAG, HEAD)).toBe(404);
  expect(await (await fetch(`${url}tags/list`, LIST)).json()).toMatchObject({ tags: [] });
  expect(hub.counters).toMatchObject({ manifestHeads: 0, manifestGets: 0, tokenRequests: 0 });
});

test('a manifest is here when all is that it needs', async () => {
  const index = await read(TAG);
  expect(await statusOf(TAG, HEAD)).toBe(404);
  if (index.kind === 'index') await pull(`manifests/${index.manifests[0]?.digest}`);
  expect(await statusOf(TAG, HEAD)).toBe(404);
  await pull(TAG);
  // The last blob may be moved to its place after its last byte was sent.
  await expect.poll(() => statusOf(TAG, HEAD)).toBe(200);
  expect(await (await fetch(`${url}tags/list`, LIST)).json()).toMatchObject({ tags: ['1.27'] });
});

test('a blob is here when it was brought here, though its upstream has it', async () => {
  const index = await read(TAG);
  const image = await read(`manifests/${index.kind === 'index' ? index.manifests[0]?.digest : ''}`);
  const config = `blobs/${image.kind === 'image' ? image.config.digest : ''}`;
  expect(await statusOf(config, { method: 'HEAD' })).toBe(200);
  expect(await statusOf(config, HEAD)).toBe(404);
  expect(await statusOf(config)).toBe(200);
  await expect.poll(() => statusOf(config, HEAD)).toBe(200);
});
