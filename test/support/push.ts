// What a client does to a registry, step by step, for tests that look at each step.
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import type { Registry } from './registry/registry.ts';

export const BLOB = Buffer.from('hello, blob');
export const BLOB_DIGEST = digestOf(BLOB);
const CONFIG = Buffer.from('{}');
export const MANIFEST = JSON.stringify(
  {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociImage,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(CONFIG), size: CONFIG.byteLength },
    layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: BLOB_DIGEST, size: BLOB.byteLength }],
  },
  undefined,
  3,
);

export async function startUpload(registry: Registry, repository: string): Promise<string> {
  return absolute(registry, await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' }));
}

export function absolute(registry: Registry, response: Response): string {
  return registry.url + response.headers.get('location');
}

export function put(url: string, body: Uint8Array<ArrayBuffer> | null = null): Promise<Response> {
  return fetch(url, { method: 'PUT', body });
}

export function patch(url: string, body: Uint8Array<ArrayBuffer>, range: string): Promise<Response> {
  return fetch(url, { method: 'PATCH', body, headers: { 'content-range': range } });
}

export async function pushBlob(registry: Registry, repository: string, blob: Buffer<ArrayBuffer>): Promise<void> {
  const response = await put(`${await startUpload(registry, repository)}&digest=${digestOf(blob)}`, blob);
  checkCreated(response);
}

export async function pushImage(registry: Registry, repository: string, tag: string): Promise<void> {
  for (const blob of [BLOB, CONFIG]) await pushBlob(registry, repository, blob);
  checkCreated(await putManifest(registry, `${repository}/manifests/${tag}`));
}

export function putManifest(
  registry: Registry,
  path: string,
  { body = MANIFEST, mediaType = MEDIA_TYPES.ociImage }: { body?: string; mediaType?: string } = {},
): Promise<Response> {
  return fetch(`${registry.url}/v2/${path}`, { method: 'PUT', body, headers: { 'content-type': mediaType } });
}

export async function getText(registry: Registry, path: string): Promise<string> {
  return (await fetch(`${registry.url}/v2/${path}`)).text();
}

export async function codeOf(response: Response): Promise<[status: number, code: string | undefined]> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return [response.status, errors[0]?.code];
}

function checkCreated({ status, url }: Response): void {
  if (status !== 201) throw new Error(`a push to ${url} answered ${status}`);
}
