import { type Digest, algorithmOf, parseDigest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import type { Answer } from './answer.ts';
import type { AskedAddress } from './asked-address.ts';
import { parseContentRange } from './byte-range.ts';
import { Refusal } from './errors.ts';
import type { HostedRepository, UploadChunk, UploadStatus } from './hosted-repository.ts';
import { type HttpRequest, contentLengthOf } from './request.ts';

interface Addressed {
  readonly address: AskedAddress;
  readonly repository: HostedRepository;
}

/** distribution-spec §Pushing blobs: a mount, a blob in one request, or the begin of an upload. */
export async function beginUpload(target: Addressed, request: HttpRequest): Promise<Answer> {
  const { query } = request;
  const mount = query.get('mount');
  if (mount !== null) {
    const digest = parseDigest(mount);
    const from = query.get('from');
    const source = from === null || from === '' ? undefined : parseRepositoryName(from);
    // distribution-spec §Mounting a blob from another repository: what cannot be mounted is uploaded.
    if (await target.repository.mountBlob(digest, source, request)) return blobCreated(target.address, digest);
  }
  const digest = query.get('digest');
  if (mount === null && digest !== null) return pushWhole(target, parseDigest(digest), request);
  return uploadAccepted(target.address, await target.repository.beginUpload(algorithmIn(query), request));
}

async function pushWhole({ address, repository }: Addressed, digest: Digest, request: HttpRequest): Promise<Answer> {
  const { id } = await repository.beginUpload(algorithmOf(digest), request);
  try {
    await repository.finishUpload(id, digest, { body: request.body, offset: 0 }, request);
  } catch (error) {
    // Nobody was told of this upload, so nobody can go on with it.
    await cancelQuietly(repository, id);
    throw error;
  }
  return blobCreated(address, digest);
}

/** distribution-spec §Pushing a blob in chunks, and the single stream without Content-Range that docker sends. */
export async function appendToUpload(target: Addressed, id: string, request: HttpRequest): Promise<Answer> {
  return withOffset(target, id, request, async () => {
    const status = await target.repository.appendToUpload(id, chunkOf(request), request);
    return uploadAccepted(target.address, status);
  });
}

/** distribution-spec §Pushing a blob: the closing PUT, with or without a last chunk. */
export async function finishUpload(target: Addressed, id: string, request: HttpRequest): Promise<Answer> {
  const text = request.query.get('digest');
  if (text === null) throw new OciError('DIGEST_INVALID', 'the request that ends an upload needs ?digest=');
  const digest = parseDigest(text);
  return withOffset(target, id, request, async () => {
    await target.repository.finishUpload(id, digest, chunkOf(request), request);
    return blobCreated(target.address, digest);
  });
}

/** distribution-spec §Pushing a blob in chunks: where an upload stands. */
export async function getUpload({ address, repository }: Addressed, id: string, request: HttpRequest): Promise<Answer> {
  return { status: 204, headers: uploadHeaders(address, await repository.upload(id, request)) };
}

export async function cancelUpload({ repository }: Addressed, id: string, request: HttpRequest): Promise<Answer> {
  await repository.cancelUpload(id, request);
  return { status: 204, headers: { 'docker-upload-uuid': id } };
}

/** A chunk in the wrong place is told the right one. */
async function withOffset(
  { address, repository }: Addressed,
  id: string,
  request: HttpRequest,
  send: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'RANGE_INVALID') throw error;
    throw new Refusal(416, error.code, error.message, uploadHeaders(address, await repository.upload(id, request)));
  }
}

function chunkOf(request: HttpRequest): UploadChunk {
  const header = request.header('content-range');
  if (header === undefined) return { body: request.body };
  const range = parseContentRange(header);
  if (range === undefined) {
    throw new OciError('RANGE_INVALID', `"${header.slice(0, 200)}" is not a Content-Range; write FIRST-LAST`);
  }
  const sizeBytes = range.last - range.first + 1;
  const announced = contentLengthOf(request);
  if (announced !== undefined && announced !== sizeBytes) throw wrongSize(header, announced);
  return { body: exactly(request.body, sizeBytes, header), offset: range.first };
}

async function* exactly(body: AsyncIterable<Uint8Array>, sizeBytes: number, header: string): AsyncIterable<Uint8Array> {
  let received = 0;
  for await (const bytes of body) {
    received += bytes.byteLength;
    if (received > sizeBytes) throw wrongSize(header, received);
    yield bytes;
  }
  if (received < sizeBytes) throw wrongSize(header, received);
}

function wrongSize(header: string, sizeBytes: number): OciError {
  return new OciError('SIZE_INVALID', `the chunk with the Content-Range ${header} has ${sizeBytes} bytes`);
}

function algorithmIn(query: URLSearchParams): 'sha256' | 'sha512' {
  const algorithm = query.get('digest-algorithm') ?? 'sha256';
  if (algorithm === 'sha256' || algorithm === 'sha512') return algorithm;
  throw new OciError('DIGEST_INVALID', `digests are made with sha256 or sha512, not "${algorithm.slice(0, 100)}"`);
}

function uploadAccepted(address: AskedAddress, status: UploadStatus): Answer {
  return { status: 202, headers: uploadHeaders(address, status) };
}

function uploadHeaders(address: AskedAddress, { id, receivedBytes }: UploadStatus): Answer['headers'] {
  return {
    location: address.location(`blobs/uploads/${id}`),
    // Of nothing, too: clients know `0-0` as the begin.
    range: `0-${Math.max(receivedBytes - 1, 0)}`,
    'docker-upload-uuid': id,
  };
}

function blobCreated(address: AskedAddress, digest: Digest): Answer {
  return {
    status: 201,
    headers: { location: address.location(`blobs/${digest}`), 'docker-content-digest': digest },
  };
}

async function cancelQuietly(repository: HostedRepository, id: string): Promise<void> {
  try {
    await repository.cancelUpload(id, {});
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'BLOB_UPLOAD_UNKNOWN') throw error;
  }
}
