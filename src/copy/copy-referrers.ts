// What refers to an image follows it: signatures, attestations, bills of material. They are found from the image's side
// only, so each manifest that was copied is asked about.
import { forEach } from '../async/for-each.ts';
import { chooseEntries } from '../oci/choose-entries.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { readManifest } from '../oci/manifest.ts';
import { MEDIA_TYPES, isManifestType } from '../oci/media-type.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { CopyError, blame } from './copy-error.ts';
import { type GraphCopy, copyGraph } from './copy-graph.ts';
import { presentTags } from './present-tags.ts';
import { cosignTags, referrersTag } from './referrer-tags.ts';
import { referrersIndex } from './referrers-index.ts';

/** How a repository tells what refers to its manifests. */
export interface ReferrerLists {
  /** By the API of that name; `undefined` where it is not known. */
  list(subject: Digest, call: Call): Promise<readonly Descriptor[] | undefined>;
}

export interface ReferrerSource extends ReferrerLists {
  /** Of the repository; asked once, where the API is not known, or for what cosign puts under tags of its own. */
  tags(call: Call): Promise<ReadonlySet<Tag>>;
  /** What the index under that tag lists. */
  indexAt(tag: Tag, call: Call): Promise<readonly Descriptor[]>;
}

export interface ReferrersCopy extends GraphCopy {
  readonly at: ReferrerSource;
  /** Where the target lists them; a target without does so by what it is, as a layout does. */
  readonly lists?: ReferrerLists | undefined;
}

/** A signature of an attestation of an image is one of three; deeper than this is an attack. */
const MAX_DEPTH = 4;
const SUBJECTS_AT_ONCE = 8;
/** Anybody who may push can have an image refer to another; nobody copies without end for that. */
const MAX_REFERRERS = 1_000;

/**
 * Copies what refers to `root`, which is at the target, and to the images that it names there, and makes the target
 * list them. Gives how many there are. Throws CopyError.
 */
export async function copyReferrers(root: Digest, copy: ReferrersCopy): Promise<number> {
  const known = await blame('source', copy.at.list(root, copy));
  const tags = await blame('source', copy.at.tags(copy));
  if (known === undefined && ![...tags].some(isReferrersTag)) return 0;
  const found = new Set<Digest>();
  let subjects = await subjectsOf(root, copy);
  for (let depth = 0; subjects.length > 0 && depth < MAX_DEPTH; depth += 1) {
    const next: Digest[] = [];
    await forEach(subjects, SUBJECTS_AT_ONCE, async (subject) => {
      for (const referrer of await copyReferrersOf(subject, tags, copy)) {
        if (found.has(referrer)) continue;
        found.add(referrer);
        next.push(referrer);
      }
      if (found.size > MAX_REFERRERS) throw tooMany(root);
    });
    subjects = next;
  }
  return found.size;
}

// As they are at the target: of an index that was written anew for some platforms the children alone are the source's.
async function subjectsOf(root: Digest, copy: ReferrersCopy): Promise<Digest[]> {
  const { content } = readManifest((await blame('target', copy.to.target.manifest(root, copy))).bytes);
  if (content.kind === 'image') return [root];
  const children = chooseEntries(content, copy.platforms ?? []).filter(({ mediaType }) => isManifestType(mediaType));
  return [...new Set([root, ...children.map(({ digest }) => digest)])];
}

async function copyReferrersOf(subject: Digest, tags: ReadonlySet<Tag>, copy: ReferrersCopy): Promise<Digest[]> {
  const listed = (await blame('source', copy.at.list(subject, copy))) ?? (await listedByTag(subject, tags, copy));
  if (listed.length > MAX_REFERRERS) throw tooMany(subject);
  const whole = { ...copy, platforms: [], present: undefined };
  const copied: Descriptor[] = [];
  for (const referrer of listed) if (await copyListed(referrer, whole)) copied.push(referrer);
  if (copied.length > 0) await listAtTarget(subject, copied, copy);
  const tagged: Digest[] = [];
  for (const tag of cosignTags(subject).filter((one) => tags.has(one))) {
    const { digest } = (await blame('source', copy.from.resolve(tag, copy))).descriptor;
    const present = await blame('target', presentTags(copy.to.target, [tag], { ...copy, platforms: [] }));
    await copyGraph(digest, [tag], { ...whole, present });
    tagged.push(digest);
  }
  return [...copied.map(({ digest }) => digest), ...tagged];
}

/** `false`: the list names one that is not there any more, as lists do that clients keep. */
async function copyListed({ digest }: Descriptor, copy: GraphCopy): Promise<boolean> {
  try {
    await copyGraph(digest, [], copy);
    return true;
  } catch (error) {
    if (error instanceof CopyError && error.origin === 'source' && error.code === 'MANIFEST_UNKNOWN') return false;
    throw error;
  }
}

/** For a registry that does not know the API. */
async function listedByTag(
  subject: Digest,
  tags: ReadonlySet<Tag>,
  { at, signal }: ReferrersCopy,
): Promise<readonly Descriptor[]> {
  const tag = referrersTag(subject);
  return tags.has(tag) ? await blame('source', at.indexAt(tag, { signal })) : [];
}

/** distribution-spec §Pushing Manifests with Subject: where the registry does not keep the list, its clients do. */
async function listAtTarget(subject: Digest, listed: readonly Descriptor[], copy: ReferrersCopy): Promise<void> {
  const { lists, to, signal } = copy;
  if (lists === undefined || (await blame('target', lists.list(subject, { signal }))) !== undefined) return;
  const tag = referrersTag(subject);
  const before = await blame('target', referrersIndex(to.target, tag, { signal }));
  const known = new Set(before.map(({ digest }) => digest));
  const added = listed.filter(({ digest }) => !known.has(digest));
  if (added.length === 0) return;
  const mediaType = MEDIA_TYPES.ociIndex;
  const manifests = [...before, ...added].map((entry) => ({ ...entry, platform: undefined }));
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  await blame('target', to.target.put({ digest: digestOf(bytes), mediaType, bytes }, [tag], { signal }));
}

function isReferrersTag(tag: Tag): boolean {
  return /^sha(?:256|512)-[0-9a-f]{64}/.test(tag);
}

function tooMany(subject: Digest): CopyError {
  const message = `more than ${MAX_REFERRERS} manifests refer to ${subject}; leave them out with --no-referrers`;
  return new CopyError('source', new OciError('MANIFEST_INVALID', message));
}
