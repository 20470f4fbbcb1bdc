// What a target holds of what is wanted: one list of its tags, a HEAD for those that nothing is remembered of, and for a
// share of the others, so that a target that somebody changed is found out within some runs.
import { forEach } from '../async/for-each.ts';
import type { CopiedTag, CopiedTags } from '../journal/copied-tags.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, ListsTags, Source } from '../oci/repository.ts';
import { isNotFound } from '../remote/remote-error.ts';
import type { ResolvedImage } from './discover.ts';
import type { SyncTarget } from './job.ts';
import type { Present } from './plan.ts';

export interface Look extends Call {
  /** What earlier runs put there. */
  readonly copied?: CopiedTags | undefined;
  /** Every tag is looked at, whatever is remembered. */
  readonly isInFull: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const HEADS_AT_ONCE = 16;
/** Four runs a day look at all tags within a week. */
const RUNS_TO_SEE_ALL = 28;

export async function lookAt(
  target: SyncTarget,
  name: RepositoryName,
  images: readonly ResolvedImage[],
  { copied, isInFull, now, signal }: Look,
): Promise<Present> {
  const repository = target.registry.repository(name);
  const listed = await repository.listTags({ signal });
  const remembered = copied?.in(name) ?? new Map<Tag, CopiedTag>();
  const wanted = new Map(images.flatMap((image) => image.tags.map((tag) => [tag, image.digest])));
  const believed = isInFull ? [] : believable(wanted, remembered);
  const isIntact = believed.every(({ tag }) => listed?.has(tag));
  const share = isIntact ? longestUnseen(believed) : believed;
  const unseen = new Set(believed.filter((one) => !share.includes(one)).map(({ tag }) => tag));

  const there = [...wanted.keys()].filter((tag) => listed?.has(tag));
  const looked = await digestsOf(
    repository,
    there.filter((tag) => !unseen.has(tag)),
    signal,
  );
  if (share.some(({ tag, targetDigest }) => looked.get(tag) !== targetDigest)) {
    const rest = await digestsOf(
      repository,
      there.filter((tag) => unseen.has(tag)),
      signal,
    );
    for (const [tag, digest] of rest) looked.set(tag, digest);
    unseen.clear();
  }

  const tags = new Map<Tag, Digest>(looked);
  const sources = new Map<Tag, Digest>();
  for (const [tag, digest] of looked) {
    const known = remembered.get(tag);
    sources.set(tag, known?.targetDigest === digest ? known.sourceDigest : digest);
  }
  for (const { tag, sourceDigest, targetDigest } of believed.filter(({ tag }) => unseen.has(tag))) {
    tags.set(tag, targetDigest);
    sources.set(tag, sourceDigest);
  }
  const checkedAt = new Date(now());
  const seen = [...looked].flatMap(([tag, targetDigest]): CopiedTag[] => {
    const sourceDigest = sources.get(tag);
    return sourceDigest !== undefined && sourceDigest === wanted.get(tag)
      ? [{ repository: name, tag, sourceDigest, targetDigest, checkedAt }]
      : [];
  });
  await copied?.put(seen);
  return { target, name, isNew: listed === undefined, tags, sources };
}

/** What earlier runs put there, where that is still what is wanted. */
function believable(wanted: ReadonlyMap<Tag, Digest>, remembered: ReadonlyMap<Tag, CopiedTag>): CopiedTag[] {
  return [...remembered.values()].filter(
    ({ tag, sourceDigest, unwantedSince }) => unwantedSince === undefined && wanted.get(tag) === sourceDigest,
  );
}

function longestUnseen(tags: readonly CopiedTag[]): CopiedTag[] {
  const byAge = tags.toSorted((one, other) => one.checkedAt.getTime() - other.checkedAt.getTime());
  return byAge.slice(0, Math.ceil(tags.length / RUNS_TO_SEE_ALL));
}

/** Those that are there. */
async function digestsOf(
  repository: Source & ListsTags,
  tags: readonly Tag[],
  signal: AbortSignal | undefined,
): Promise<Map<Tag, Digest>> {
  const digests = new Map<Tag, Digest>();
  await forEach(tags, HEADS_AT_ONCE, async (tag) => {
    try {
      digests.set(tag, (await repository.resolve(tag, { signal })).descriptor.digest);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  });
  return digests;
}
