// Sending a blob: distribution-spec §Pushing blobs. One POST that may mount, then one PUT with the whole body; in
// chunks only where a registry does not take it whole.
import { isRetryable } from '../async/retryable.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, PushCall, PushOutcome } from '../oci/repository.ts';
import { readAll } from '../streams/read-all.ts';
import { splitStream } from '../streams/split-stream.ts';
import { tap } from '../streams/tap.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRepository } from './remote-repository.ts';
import type { SendResponse } from './send.ts';

type Open = () => Promise<ReadableStream<Uint8Array>>;

/** A registry may hash and copy the whole blob before it answers the PUT that commits it. */
const COMMIT_TIMEOUT_MS = 15 * 60_000;
const MAX_ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;
const CHUNK_BYTES = 16 * 1024 * 1024;
/** Most blobs of an image are configurations and layers of next to nothing: up to here a blob is sent in one piece. */
const SMALL_BYTES = 64 * 1024;
const OCTET_STREAM = { 'content-type': 'application/octet-stream' };

/** HEAD first, unless the caller knows it is not there; then mount, then send. Repeats what can be repeated. */
export async function pushBlob(
  repository: RemoteRepository,
  blob: Descriptor,
  open: Open,
  call: PushCall,
): Promise<PushOutcome> {
  const { clock } = repository.registry.network;
  let isChunked = false;
  for (let attempt = 1; ; attempt += 1) {
    const mayBeThere = attempt > 1 || call.isKnownAbsent !== true;
    if (mayBeThere && (await isThere(repository, blob, call))) return 'present';
    const upload = await openUpload(repository, call, blob);
    if (upload === 'mounted') return 'mounted';
    try {
      await (isChunked ? sendInChunks : sendWhole)(repository, upload, blob, open, call);
      return 'sent';
    } catch (error) {
      const isRefusedWhole = error instanceof RemoteError && (error.code === 'TOO_LARGE' || error.status === 405);
      const mayRepeat = isRefusedWhole ? !isChunked : isRetryable(error);
      if (!mayRepeat || attempt >= MAX_ATTEMPTS) throw error;
      isChunked ||= isRefusedWhole;
      if (!isRefusedWhole) await clock.sleep(FIRST_DELAY_MS * 2 ** (attempt - 1), call.signal);
    }
  }
}

// A registry whose disk was full may fail to say, for ever: sending the blob sets that right.
async function isThere(repository: RemoteRepository, { digest }: Descriptor, call: Call): Promise<boolean> {
  try {
    return (await repository.statBlob(digest, call)) !== undefined;
  } catch (error) {
    if (!(error instanceof RemoteError) || error.code !== 'SERVER_ERROR') throw error;
    return false;
  }
}

/** An upload session's URL; it is opaque, and each answer may move it. */
interface Upload {
  readonly location: URL;
  readonly minChunkBytes: number;
}

/** Opens an upload; with `blob` and `call.mountFrom` a blob that another repository has may appear without one. */
export async function openUpload(repository: RemoteRepository, call: Call): Promise<Upload>;
export async function openUpload(
  repository: RemoteRepository,
  call: PushCall,
  blob: Descriptor,
): Promise<Upload | 'mounted'>;
export async function openUpload(
  repository: RemoteRepository,
  call: PushCall,
  blob?: Descriptor,
): Promise<Upload | 'mounted'> {
  const { mountFrom, signal } = call;
  if (blob !== undefined && mountFrom !== undefined && mountFrom !== repository.name) {
    const upload = await mount(repository, blob, mountFrom, signal);
    if (upload !== 'refused') return upload;
  }
  const what = blob === undefined ? `an upload to ${repository.name}` : repository.blobName(blob.digest);
  const response = await repository.request({
    ...UPLOAD_REQUEST,
    signal,
    path: 'blobs/uploads/',
    kind: 'upload',
    what,
  });
  return await uploadFrom(repository, response, what);
}

const UPLOAD_REQUEST = { method: 'POST', headers: { 'content-length': '0' } } as const;

// distribution-spec §Mounting a blob: a registry that does not mount opens an upload. Some refuse instead.
async function mount(
  repository: RemoteRepository,
  blob: Descriptor,
  from: RepositoryName,
  signal: AbortSignal | undefined,
): Promise<Upload | 'mounted' | 'refused'> {
  const what = repository.blobName(blob.digest);
  const path = `blobs/uploads/?mount=${blob.digest}&from=${encodeURIComponent(from)}`;
  try {
    const request = { ...UPLOAD_REQUEST, signal, path, what, alsoPullFrom: from };
    const response = await repository.request({ ...request, kind: 'mount' });
    if (response.status !== 201) return await uploadFrom(repository, response, what);
    await response.body.discard();
    return 'mounted';
  } catch (error) {
    if (!(error instanceof RemoteError) || error.isRetryable) throw error;
    return 'refused';
  }
}

async function uploadFrom(repository: RemoteRepository, response: SendResponse, what: string): Promise<Upload> {
  if (response.status !== 202) throw await repository.registry.errorFrom(response, what);
  await response.body.discard();
  const minChunkBytes = Number(response.headers.get('oci-chunk-min-length') ?? 0) || 0;
  return { location: locationOf(repository, response), minChunkBytes };
}

/** distribution-spec §Cancel a blob upload; a registry that does not know it lets the session time out. */
export async function cancelUpload(repository: RemoteRepository, { location }: Upload, call: Call): Promise<void> {
  const what = `an upload to ${repository.name}`;
  try {
    const response = await repository.request({ ...call, method: 'DELETE', url: location, kind: 'upload', what });
    await response.body.discard();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
  }
}

async function sendWhole(repository: RemoteRepository, upload: Upload, blob: Descriptor, open: Open, call: PushCall) {
  const stream = metered(repository, await open(), call);
  try {
    const response = await repository.request({
      signal: call.signal,
      method: 'PUT',
      url: commitUrl(upload.location, blob),
      headers: OCTET_STREAM,
      body: blob.size > SMALL_BYTES ? stream : await readAll(stream, blob.size),
      sizeBytes: blob.size,
      kind: 'blobPut',
      what: repository.blobName(blob.digest),
      headersTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    await expectCreated(repository, response, blob);
  } finally {
    await cancelUnlessRead(stream);
  }
}

async function sendInChunks(
  repository: RemoteRepository,
  upload: Upload,
  blob: Descriptor,
  open: Open,
  call: PushCall,
) {
  const what = repository.blobName(blob.digest);
  const chunkBytes = Math.max(upload.minChunkBytes, CHUNK_BYTES);
  let { location } = upload;
  let start = 0;
  for await (const chunk of splitStream(metered(repository, await open(), call), chunkBytes)) {
    const sizeBytes = Math.min(chunkBytes, blob.size - start);
    const response = await repository.request({
      signal: call.signal,
      method: 'PATCH',
      url: location,
      headers: { ...OCTET_STREAM, 'content-range': `${start}-${start + sizeBytes - 1}` },
      body: chunk,
      sizeBytes,
      kind: 'upload',
      what,
      headersTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    if (response.status !== 202) throw await repository.registry.errorFrom(response, what);
    await response.body.discard();
    location = locationOf(repository, response);
    start += sizeBytes;
  }
  const response = await repository.request({
    signal: call.signal,
    method: 'PUT',
    url: commitUrl(location, blob),
    headers: { 'content-length': '0' },
    kind: 'blobPut',
    what,
    headersTimeoutMs: COMMIT_TIMEOUT_MS,
  });
  await expectCreated(repository, response, blob);
}

// The query is opaque, so it is kept to the letter.
function commitUrl(location: URL, { digest }: Descriptor): URL {
  const url = new URL(location);
  url.search = `${location.search}${location.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}

async function expectCreated(repository: RemoteRepository, response: SendResponse, blob: Descriptor): Promise<void> {
  const what = repository.blobName(blob.digest);
  if (response.status !== 201 && response.status !== 204) throw await repository.registry.errorFrom(response, what);
  await response.body.discard();
}

// A request that failed before it was sent has left its body alone.
async function cancelUnlessRead(body: ReadableStream<Uint8Array>): Promise<void> {
  if (!body.locked) await body.cancel().catch(() => undefined);
}

function metered(repository: RemoteRepository, body: ReadableStream<Uint8Array>, call: PushCall) {
  const { traffic } = repository.registry;
  return tap(body, {
    onBytes(count) {
      traffic.sentBytes += count;
      call.onBytes?.(count);
    },
  });
}

// A registry behind a proxy that ends TLS may name itself with http: the same host means the same registry.
function locationOf(repository: RemoteRepository, response: SendResponse): URL {
  const base = repository.registry.url;
  const text = response.headers.get('location') ?? '';
  const location = text === '' ? null : URL.parse(text, base.href);
  const hasLogin = location !== null && location.username + location.password !== '';
  if (location === null || hasLogin || (location.protocol !== 'http:' && location.protocol !== 'https:')) {
    throw new RemoteError(base.host, 'NOT_A_REGISTRY', `opened an upload to ${repository.name} without saying where`);
  }
  if (location.hostname === base.hostname && base.protocol === 'https:' && location.protocol === 'http:') {
    return new URL(`${location.pathname}${location.search}`, base);
  }
  return location;
}
