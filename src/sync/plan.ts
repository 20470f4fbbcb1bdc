// Pure: what is wanted, and what is there -> what there is to do, and what it costs at most.
import { type ImageCost, costOf } from '../copy/cost.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { ResolvedImage } from './discover.ts';
import type { SyncTarget } from './job.ts';

/** What a target holds of a repository. */
export interface Present {
  readonly target: SyncTarget;
  /** The repository's name there. */
  readonly name: RepositoryName;
  /** The registry knows no such repository. */
  readonly isNew: boolean;
  /** What the wanted tags mean there, those that exist. */
  readonly tags: ReadonlyMap<Tag, Digest>;
  /** Which digests of the upstream that is: others only where a choice of platforms made new indexes. */
  readonly sources: ReadonlyMap<Tag, Digest>;
}

/** One image to bring up to date, at the targets where it is not. */
export interface CopyAction {
  readonly image: ResolvedImage;
  /** The tags that some target lacks or has on another digest. */
  readonly tags: readonly Tag[];
  readonly to: readonly Present[];
  readonly cost: ImageCost;
}

export interface RepositoryPlan {
  readonly actions: readonly CopyAction[];
  readonly upToDate: readonly ResolvedImage[];
}

/** `platforms`: the chosen ones; none means all. */
export function planRepository(
  images: readonly ResolvedImage[],
  present: readonly Present[],
  platforms: readonly Platform[],
): RepositoryPlan {
  const actions: CopyAction[] = [];
  const upToDate: ResolvedImage[] = [];
  for (const image of images) {
    const lacks = ({ sources }: Present, tag: Tag) => sources.get(tag) !== image.digest;
    const to = present.filter((at) => image.tags.some((tag) => lacks(at, tag)));
    const tags = image.tags.filter((tag) => to.some((at) => lacks(at, tag)));
    if (to.length === 0) upToDate.push(image);
    else actions.push({ image, tags, to, cost: costOf(image.resolution, image.platforms, platforms) });
  }
  return { actions, upToDate };
}
