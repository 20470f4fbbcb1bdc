// Signatures, attestations and the like: what refers to an image from outside of it, found without spending a pull.
import { cosignTags, referrersTag } from '../copy/referrer-tags.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';

export interface ImageReferrer {
  readonly digest: Digest;
  /** What it refers to. */
  readonly subject: Digest;
  /** How it was found: in the list of referrers, or under a tag that is made of the digest. */
  readonly by: 'referrers' | 'tag';
  readonly tag?: Tag | undefined;
  /** As far as the list says; a tag is not read. */
  readonly type?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface ReferrersSource {
  readonly repository: Pick<Source, 'resolve'>;
  /** By the API alone; none where it is not known. */
  readonly listReferrers: (subject: Digest, call: Call) => Promise<readonly Descriptor[]>;
}

/** One request for the list, and a HEAD for each tag that could stand in its place. Throws what the registry says. */
export async function findReferrers(
  { repository, listReferrers }: ReferrersSource,
  subject: Digest,
  call: Call,
): Promise<readonly ImageReferrer[]> {
  const listed = await listReferrers(subject, call);
  const tags = [...(listed.length === 0 ? [referrersTag(subject)] : []), ...cosignTags(subject)];
  const tagged = await Promise.all(tags.map((tag) => resolveTag(repository, tag, call)));
  return [
    ...listed.map(({ digest, mediaType, artifactType, annotations }) => ({
      digest,
      subject,
      by: 'referrers' as const,
      type: artifactType ?? mediaType,
      ...(annotations !== undefined && { annotations }),
    })),
    ...tagged.flatMap((digest, nth) =>
      digest === undefined ? [] : [{ digest, subject, by: 'tag', tag: tags[nth] } as const],
    ),
  ];
}

async function resolveTag(repository: Pick<Source, 'resolve'>, tag: Tag, call: Call): Promise<Digest | undefined> {
  try {
    return (await repository.resolve(tag, call)).descriptor.digest;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
