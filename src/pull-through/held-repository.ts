// What is here of an upstream's repository, and nothing else: for whoever fills it from elsewhere. An upstream that were
// asked would say that all of it is there already.
import { OciError } from '../oci/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { StoredRepository } from '../store/stored-repository.ts';
import { PulledRepository } from './pulled-repository.ts';
import type { PulledLists } from './pulled-lists.ts';

export interface HeldRepositoryParts {
  readonly stored: StoredRepository;
  /** Whether the manifest is here with all that it needs. */
  readonly isWhole: (digest: Digest) => Promise<boolean>;
  readonly lists: Pick<PulledLists, 'tagsHere' | 'referrersHere'>;
}

/** Its `resolve` throws MANIFEST_UNKNOWN for what is here in parts. */
export function heldRepository({ stored, isWhole, lists }: HeldRepositoryParts): PulledRepository {
  return new PulledRepository({
    stored,
    manifests: {
      async resolve(reference) {
        const descriptor = await stored.resolve(reference);
        if (await isWhole(descriptor.digest)) return descriptor;
        throw new OciError('MANIFEST_UNKNOWN', `${stored.name} has parts of ${reference} here, and not all`);
      },
      manifest: (reference) => stored.manifest(reference),
      forget: () => undefined,
    },
    blobs: {
      stat: (digest) => stored.statBlob(digest),
      sizeOf: (digest) => stored.sizeOfBlob(digest),
      open: (digest, range) => stored.openBlob(digest, range),
    },
    lists: { tags: () => lists.tagsHere(), referrers: (subject) => lists.referrersHere(subject) },
  });
}
