// A blob on its way to a client that hashes it: its bytes pass by us, or the client is sent to where they are. Clients
// verify what they pull by its digest (image-spec, descriptor.md §Digests), so that a mirror that lies is found out there.
import type { ByteRange } from '../http/distribution/byte-range.ts';
import type { BlobElsewhere, OpenBlob } from '../http/distribution/hosted-repository.ts';
import type { Digest } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import { partOf } from '../pull-through/part-of.ts';
import { isAddressLiteral, isAllowedAddress } from '../remote/address.ts';
import type { BlobSource } from '../remote/blob-transfer.ts';
import { foreignReach } from '../remote/foreign-reach.ts';
import { isRedirect, redirectTarget } from '../remote/redirects.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRepository } from '../remote/remote-repository.ts';
import type { SendResponse } from '../remote/send.ts';

export interface PassBlob extends Call {
  readonly digest: Digest;
  readonly range?: ByteRange | undefined;
  /** The client may be sent to where the upstream sends us. */
  readonly mayRedirect: boolean;
}

/** From the first source that has it. Rejects with the last one's reason when none has. */
export async function passBlob(sources: readonly BlobSource[], wanted: PassBlob): Promise<OpenBlob | BlobElsewhere> {
  let last: unknown;
  for (const { repository, onFailure } of sources) {
    try {
      return await ask(repository, wanted);
    } catch (error) {
      wanted.signal?.throwIfAborted();
      onFailure?.(error);
      last = error;
    }
  }
  throw last;
}

async function ask(repository: RemoteRepository, wanted: PassBlob): Promise<OpenBlob | BlobElsewhere> {
  const { digest, range, mayRedirect, signal } = wanted;
  const { registry } = repository;
  const what = repository.blobName(digest);
  const response = await repository.request({
    signal,
    method: 'GET',
    path: `blobs/${digest}`,
    kind: 'blobGet',
    place: 'transfer',
    what,
    isPassedOn: true,
    isRedirectWanted: mayRedirect,
    ...(range !== undefined && { headers: { range: `bytes=${range.first}-${range.last}` } }),
  });
  if (mayRedirect && isRedirect(response.status)) {
    await response.body.discard();
    return { location: (await checkedTarget(repository, response, what)).href };
  }
  if (response.status !== 200 && response.status !== 206) throw await registry.errorFrom(response, what);
  const opened = openedBy(response, range);
  if (opened !== undefined) return opened;
  await response.body.discard();
  throw new RemoteError(registry.host, 'NOT_A_REGISTRY', `does not say how long ${what} is, or which part it sends`);
}

/** As if we went there ourselves. */
async function checkedTarget({ registry }: RemoteRepository, response: SendResponse, what: string): Promise<URL> {
  const target = redirectTarget(response, registry.url, registry.host, what);
  const reach = await foreignReach(registry.url, registry.network.resolveHost);
  if (!isAddressLiteral(target.hostname) || isAllowedAddress(target.hostname, reach)) return target;
  const message = `redirects ${what} to ${target.hostname}, an internal address`;
  throw new RemoteError(registry.host, 'FORBIDDEN_ADDRESS', message);
}

/** What has been encoded on its way has another length than it says. RFC 9110 §14.4: a part says which one it is. */
function openedBy({ status, headers, body }: SendResponse, range: ByteRange | undefined): OpenBlob | undefined {
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') return undefined;
  if (status === 206) {
    const [, first, last, size] =
      /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers.get('content-range') ?? '') ?? [];
    const isWanted = range !== undefined && Number(first) === range.first && Number(last) === range.last;
    return isWanted ? { sizeBytes: Number(size), body: body.stream() } : undefined;
  }
  const length = headers.get('content-length') ?? '';
  if (!/^\d{1,15}$/.test(length)) return undefined;
  // Ranges are not for every server: then the rest is left out here.
  const whole = body.stream();
  return { sizeBytes: Number(length), body: range === undefined ? whole : partOf(whole, range) };
}
