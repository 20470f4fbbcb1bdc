import type { CopyAction } from './plan.ts';
import type { ResolvedImage } from './discover.ts';

/** What makes one image more wanted than another where not all can be copied. */
export interface Urgency {
  readonly wasDeferred: (image: ResolvedImage) => boolean;
  /** The catalog changed it since the last complete run. */
  readonly isNews: (image: ResolvedImage) => boolean;
}

/** Most wanted first: what was deferred the last time, then what the catalog changed, then what has most tags. */
export function mostWantedFirst(actions: readonly CopyAction[], { wasDeferred, isNews }: Urgency): CopyAction[] {
  const rank = ({ image }: CopyAction) => (wasDeferred(image) ? 2 : 0) + (isNews(image) ? 1 : 0);
  return actions.toSorted((one, other) => rank(other) - rank(one) || other.image.tags.length - one.image.tags.length);
}
