// What the cases of the table share: the repository that each has for itself, and the requests that most of them make.
import { expect } from 'vitest';
import { digestOf } from '../../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../../src/oci/media-type.ts';
import type { RequestBody, Served } from '../served-registry.ts';

export interface Setting {
  readonly algorithm: 'sha256' | 'sha512';
  readonly repository: string;
  readonly send: Served['send'];
}

/** The section is that of distribution-spec, or its name in the conformance suite. */
export type Case = readonly [section: string, sentence: string, run: (setting: Setting) => Promise<void>];

export const OCTETS = { 'content-type': 'application/octet-stream' };

export async function pushBlob(
  { send, repository, algorithm }: Setting,
  bytes: string | Uint8Array<ArrayBuffer>,
): Promise<string> {
  const digest = digestOf(bytes, algorithm);
  const answer = await send('PUT', `${await begin(send, repository)}?digest=${digest}`, {
    headers: OCTETS,
    body: bytes,
  });
  expect([answer.status, locationOf(answer)]).toEqual([201, `/v2/${repository}/blobs/${digest}`]);
  return digest;
}

export async function begin(send: Served['send'], repository: string, query = ''): Promise<string> {
  const answer = await send('POST', `/v2/${repository}/blobs/uploads/${query}`);
  expect([answer.status, answer.headers.get('range')]).toEqual([202, '0-0']);
  return locationOf(answer);
}

export function patch(send: Served['send'], location: string, range: string, body: RequestBody): Promise<Response> {
  return send('PATCH', location, { headers: { ...OCTETS, 'content-range': range }, body });
}

export function putManifest(
  { send, repository }: Setting,
  reference: string,
  body: RequestBody,
  type: string = MEDIA_TYPES.ociImage,
) {
  return send('PUT', `/v2/${repository}/manifests/${reference}`, { headers: { 'content-type': type }, body });
}

export async function imageText(setting: Setting, more: object = {}): Promise<string> {
  const digest = await pushBlob(setting, '{}');
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest, size: 2 };
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociImage, config, layers: [], ...more });
}

export function indexText(manifests: readonly object[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
}

export async function textAt(send: Served['send'], created: Response): Promise<string> {
  return (await send('GET', locationOf(created))).text();
}

export function locationOf(answer: Response): string {
  return answer.headers.get('location') ?? '';
}

export async function codeOf(answer: Response): Promise<string | undefined> {
  return ((await answer.json()) as { errors: { code: string }[] }).errors[0]?.code;
}

export function streamOf(...texts: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts.map((text) => new TextEncoder().encode(text)));
}
