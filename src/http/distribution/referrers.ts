import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/media-type.ts';
import type { Answer } from './answer.ts';
import type { AskedAddress } from './asked-address.ts';
import type { HostedRepository } from './hosted-repository.ts';
import type { HttpRequest } from './request.ts';

/** Clients refuse indexes above 4 MiB, and each entry carries the annotations of a manifest that may be as large. */
const MAX_PAGE_BYTES = 3 * 1024 * 1024;
const MAX_PAGE_ENTRIES = 1000;

/** distribution-spec §Listing Referrers: never 404 but an index, be it an empty one. */
export async function listReferrers(
  repository: HostedRepository,
  address: AskedAddress,
  subject: Digest,
  request: HttpRequest,
): Promise<Answer> {
  const artifactType = artifactTypeIn(request.query);
  const last = request.query.get('last');
  const after = last === null ? undefined : parseDigest(last);
  const { entries, lastDigest } = await readEntries(repository.referrers(subject, { artifactType, after }, request));
  const next = new URLSearchParams({ ...(artifactType !== undefined && { artifactType }), last: lastDigest ?? '' });
  return {
    status: 200,
    headers: {
      'content-type': MEDIA_TYPES.ociIndex,
      ...(artifactType !== undefined && { 'oci-filters-applied': 'artifactType' }),
      ...(lastDigest !== undefined && address.nextPage(`referrers/${subject}`, next)),
    },
    body: new TextEncoder().encode(
      `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.ociIndex}","manifests":[${entries.join(',')}]}`,
    ),
  };
}

/** Media types hold no spaces: one that seems to comes from a client that sent its plus signs bare. */
function artifactTypeIn(query: URLSearchParams): string | undefined {
  return query.get('artifactType')?.replaceAll(' ', '+') || undefined;
}

/** `lastDigest` is where the next page goes on, when there is one. */
async function readEntries(
  descriptors: Iterable<Descriptor> | AsyncIterable<Descriptor>,
): Promise<{ entries: readonly string[]; lastDigest: Digest | undefined }> {
  const entries: string[] = [];
  let sizeBytes = 0;
  let lastDigest: Digest | undefined;
  for await (const descriptor of descriptors) {
    const entry = JSON.stringify(descriptor);
    sizeBytes += entry.length;
    const isFull = entries.length === MAX_PAGE_ENTRIES || sizeBytes > MAX_PAGE_BYTES;
    if (isFull && entries.length > 0) return { entries, lastDigest };
    entries.push(entry);
    lastDigest = descriptor.digest;
  }
  return { entries, lastDigest: undefined };
}
