// What a target holds of what is wanted: one list of its tags, a HEAD for those that nothing is remembered of, and for a
// share of the others, so that a target that somebody changed is found out within some runs.
import { presentTags } from '../copy/present-tags.ts';
import type { CopiedTag, CopiedTags } from '../journal/copied-tags.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import type { ResolvedImage } from './discover.ts';
import type { SyncTarget } from './job.ts';
import type { Present } from './plan.ts';

export interface Look extends Call {
  /** The chosen ones; none means all. */
  readonly platforms: readonly Platform[];
  /** What earlier runs put there. */
  readonly copied?: CopiedTags | undefined;
  /** Every tag is looked at, whatever is remembered. */
  readonly isInFull: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Four runs a day look at all tags within a week. */
const RUNS_TO_SEE_ALL = 28;

export async function lookAt(
  target: SyncTarget,
  name: RepositoryName,
  images: readonly ResolvedImage[],
  { platforms, copied, isInFull, now, signal }: Look,
): Promise<Present> {
  const repository = target.registry.repository(name);
  const listed = await repository.listTags({ signal });
  const remembered = copied?.in(name) ?? new Map<Tag, CopiedTag>();
  const wanted = new Map(images.flatMap((image) => image.tags.map((tag) => [tag, image.digest])));
  const there = [...wanted.keys()].filter((tag) => listed?.has(tag));

  let { believed, share } = isInFull ? NOTHING_BELIEVED : divide(remembered, wanted, there);
  const tags = await presentTags(repository, except(there, believed), { platforms, signal });
  if (share.some(({ tag, targetDigest }) => tags.get(tag) !== targetDigest)) {
    const rest = await presentTags(repository, [...believed.keys()], { platforms, signal });
    for (const [tag, digest] of rest) tags.set(tag, digest);
    believed = NOTHING_BELIEVED.believed;
  }

  const sources = new Map([...tags].map(([tag, digest]) => [tag, sourceOf(digest, remembered.get(tag))]));
  const checkedAt = new Date(now());
  await copied?.put(
    [...tags].flatMap(([tag, targetDigest]): CopiedTag[] => {
      const sourceDigest = sources.get(tag);
      const isRight = sourceDigest !== undefined && sourceDigest === wanted.get(tag);
      return isRight ? [{ repository: name, tag, sourceDigest, targetDigest, checkedAt }] : [];
    }),
  );
  for (const [tag, { sourceDigest, targetDigest }] of believed) {
    tags.set(tag, targetDigest);
    sources.set(tag, sourceDigest);
  }
  return { target, name, isNew: listed === undefined, tags, sources };
}

interface Division {
  /** What is not looked at this time. */
  readonly believed: ReadonlyMap<Tag, CopiedTag>;
  /** What is, though it would be believed too. */
  readonly share: readonly CopiedTag[];
}

const NOTHING_BELIEVED: Division = { believed: new Map(), share: [] };

/** Nothing is believed of a repository that lacks a tag which earlier runs put there. */
function divide(
  remembered: ReadonlyMap<Tag, CopiedTag>,
  wanted: ReadonlyMap<Tag, Digest>,
  there: readonly Tag[],
): Division {
  const believable = [...remembered.values()].filter(
    ({ tag, sourceDigest, unwantedSince }) => unwantedSince === undefined && wanted.get(tag) === sourceDigest,
  );
  const listed = new Set(there);
  if (!believable.every(({ tag }) => listed.has(tag))) return NOTHING_BELIEVED;
  const byAge = believable.toSorted((one, other) => one.checkedAt.getTime() - other.checkedAt.getTime());
  const share = byAge.splice(0, Math.ceil(believable.length / RUNS_TO_SEE_ALL));
  return { believed: new Map(byAge.map((one) => [one.tag, one])), share };
}

function except(tags: readonly Tag[], believed: ReadonlyMap<Tag, unknown>): Tag[] {
  return tags.filter((tag) => !believed.has(tag));
}

/** What something at the target was made from: itself, unless we made it from something else. */
function sourceOf(digest: Digest, known: CopiedTag | undefined): Digest {
  return known?.targetDigest === digest ? known.sourceDigest : digest;
}
