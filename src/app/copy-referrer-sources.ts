// Which copies bring along what refers to their images, and how it is found at each source.
import type { ReferrerSource } from '../copy/copy-referrers.ts';
import { referrersIndex } from '../copy/referrers-index.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import type { ImagePlace } from './image-places.ts';

/**
 * `undefined`: from everywhere but from upstreams, where each may be counted as a pull, and each image asked about is a
 * request to somebody else's registry.
 */
export type WithReferrers = boolean | undefined;

/**
 * Asks each registry once whether it knows referrers, each repository once for its tags, and about an image once for all
 * of its destinations.
 */
export class ReferrerSources {
  readonly #wanted: WithReferrers;
  readonly #unknowing = new Set<string>();
  readonly #tags = new Map<string, Promise<ReadonlySet<Tag>>>();

  constructor(wanted: WithReferrers) {
    this.#wanted = wanted;
  }

  /** Of one image; `undefined` where they stay behind. */
  of(place: ImagePlace, name: RepositoryName): ReferrerSource | undefined {
    if (!(this.#wanted ?? place.upstream === undefined)) return undefined;
    const { referrers, target, source } = place.repository(name);
    const key = `${place.address} ${name}`;
    const lists = new Map<Digest, Promise<readonly Descriptor[] | undefined>>();
    const indexes = new Map<Tag, Promise<readonly Descriptor[]>>();
    const ask = async (subject: Digest, call: Call) => {
      if (referrers === undefined || this.#unknowing.has(place.address)) return undefined;
      const listed = await referrers.list(subject, call);
      if (listed === undefined) this.#unknowing.add(place.address);
      return listed;
    };
    return {
      list: (subject, call) => {
        const asked = lists.get(subject) ?? ask(subject, call);
        lists.set(subject, asked);
        return asked;
      },
      tags: (call) => {
        const asked = this.#tags.get(key) ?? target.listTags(call).then((tags) => tags ?? new Set<Tag>());
        this.#tags.set(key, asked);
        return asked;
      },
      indexAt: (tag, call) => {
        const asked = indexes.get(tag) ?? referrersIndex(source, tag, call);
        indexes.set(tag, asked);
        return asked;
      },
    };
  }
}
