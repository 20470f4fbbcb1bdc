// Where signatures are when a registry knows no referrers: tags that are made of the digest they are about.
import { type Digest, algorithmOf } from '../oci/digest.ts';
import { type Tag, parseTag } from '../oci/reference.ts';

/** What cosign puts behind the digest: a signature, attestations, a bill of materials. */
const COSIGN_SUFFIXES = ['.sig', '.att', '.sbom'] as const;
const LONGEST_ALGORITHM = 32;
const LONGEST_HEX = 64;

/** distribution-spec §Referrers Tag Schema: the tag of an index that lists what refers to the digest. */
export function referrersTag(subject: Digest): Tag {
  const hex = subject.slice(algorithmOf(subject).length + 1);
  return parseTag(`${algorithmOf(subject).slice(0, LONGEST_ALGORITHM)}-${hex.slice(0, LONGEST_HEX)}`);
}

/** The tags under which cosign keeps what it says of the digest. */
export function cosignTags(subject: Digest): readonly Tag[] {
  const stem = subject.replace(':', '-');
  // Of a sha512 the whole is longer than a tag may be: cosign makes none.
  return stem.length > 100 ? [] : COSIGN_SUFFIXES.map((suffix) => parseTag(stem + suffix));
}
