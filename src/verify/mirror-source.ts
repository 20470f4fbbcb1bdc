import { type Digest, isDigest } from '../oci/digest.ts';
import { MANIFEST_ACCEPT, withoutParameters } from '../oci/media-type.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Resolution, Source } from '../oci/repository.ts';
import { printable } from '../remote/printable.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRepository } from '../remote/remote-repository.ts';

const LONGEST_TYPE = 200;

/**
 * A mirror's repository as it is compared: a wrong media type is no reason here to take it for something else than a
 * registry, as long as it names the digest.
 */
export function mirrorSource(repository: RemoteRepository): Source {
  return {
    async resolve(reference, call = {}) {
      try {
        return await repository.resolve(reference, call);
      } catch (error) {
        if (!(error instanceof RemoteError) || error.code !== 'NOT_A_REGISTRY') throw error;
        const resolution = await headOf(repository, reference, call);
        if (resolution === undefined) throw error;
        return resolution;
      }
    },
    manifest: (digest, call) => repository.manifest(digest, call),
    statBlob: (digest, call) => repository.statBlob(digest, call),
    blob: (digest, call) => repository.blob(digest, call),
  };
}

async function headOf(
  repository: RemoteRepository,
  reference: Tag | Digest,
  call: Call,
): Promise<Resolution | undefined> {
  const response = await repository.request({
    ...call,
    method: 'HEAD',
    path: `manifests/${reference}`,
    headers: { accept: MANIFEST_ACCEPT },
    kind: 'manifestHead',
    what: `manifest ${repository.name}:${reference}`,
  });
  await response.body.discard();
  const digest = response.headers.get('docker-content-digest') ?? '';
  const mediaType = printable(withoutParameters(response.headers.get('content-type') ?? '')).slice(0, LONGEST_TYPE);
  if (response.status !== 200 || !isDigest(digest) || mediaType === 'text/html') return undefined;
  const asOf = new Date(repository.registry.network.clock.now());
  return { descriptor: { mediaType, digest, size: 0 }, asOf };
}
