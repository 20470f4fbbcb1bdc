import type { Digest } from '../../oci/digest.ts';
import type { Answer } from './answer.ts';
import { type ByteRange, parseByteRange } from './byte-range.ts';
import { etagOf, isKnownToClient, isRangeMeantFor } from './conditional.ts';
import { Refusal } from './errors.ts';
import type { HostedRepository } from './hosted-repository.ts';
import type { HttpRequest } from './request.ts';

/** distribution-spec §Pulling blobs. */
export async function getBlob(repository: HostedRepository, digest: Digest, request: HttpRequest): Promise<Answer> {
  const headers = blobHeaders(digest);
  if (isKnownToClient(request, digest)) {
    await repository.sizeOfBlob(digest, request);
    return { status: 304, headers };
  }
  if (request.method === 'HEAD') {
    const { sizeBytes } = await repository.statBlob(digest, request);
    return { status: 200, headers: { ...headers, 'content-length': sizeBytes } };
  }
  const range = await rangeOf(repository, digest, request);
  const opened = await repository.openBlob(digest, range, request);
  // Nobody keeps the address: it may be signed, and for a few minutes only.
  if ('location' in opened) return { status: 307, headers: { location: opened.location, 'cache-control': 'no-store' } };
  const { sizeBytes, body } = opened;
  if (range === undefined) return { status: 200, headers: { ...headers, 'content-length': sizeBytes }, body };
  const partial = {
    'content-length': range.last - range.first + 1,
    'content-range': `bytes ${range.first}-${range.last}/${sizeBytes}`,
  };
  return { status: 206, headers: { ...headers, ...partial }, body };
}

/** distribution-spec §Deleting Blobs. */
export async function deleteBlob(repository: HostedRepository, digest: Digest, request: HttpRequest): Promise<Answer> {
  await repository.deleteBlob(digest, request);
  return { status: 202, headers: {} };
}

function blobHeaders(digest: Digest): Answer['headers'] {
  return {
    'docker-content-digest': digest,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: etagOf(digest),
    // What a digest names never changes. Caches on the way may not hand it to people who have no right to it.
    'cache-control': 'private, max-age=31536000, immutable',
  };
}

async function rangeOf(
  repository: HostedRepository,
  digest: Digest,
  request: HttpRequest,
): Promise<ByteRange | undefined> {
  const header = request.header('range');
  if (header === undefined || !isRangeMeantFor(request, digest)) return undefined;
  const { sizeBytes } = await repository.sizeOfBlob(digest, request);
  const range = parseByteRange(header, sizeBytes);
  if (range !== 'unsatisfiable') return range;
  throw new Refusal(416, 'RANGE_INVALID', `the blob has ${sizeBytes} bytes, none of which are in "${header}"`, {
    'content-range': `bytes */${sizeBytes}`,
  });
}
