// The tags of an upstream's repository, and what refers to its images: asked for, kept for a while, and where the
// upstream gives no answer what is known here.
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, ListsTags } from '../oci/repository.ts';
import type { ListCache } from './list-cache.ts';
import { UpstreamFailure, failureFor } from './upstream-failure.ts';

interface ListedRepository extends ListsTags {
  referrers(subject: Digest, call?: Call): Promise<readonly Descriptor[]>;
}

export interface PulledListsOptions {
  /** Of the repository in our store. */
  readonly name: RepositoryName;
  readonly authority: ListedRepository;
  readonly metadata: MetadataStore;
  readonly freshForMs: number;
  readonly shared: SharedLists;
}

/** What the repositories of a process share. */
export interface SharedLists {
  readonly tags: ListCache<Tag>;
  readonly referrers: ListCache<Descriptor>;
}

const STORED_A_PAGE = 1_000;

export class PulledLists {
  readonly #options: PulledListsOptions;

  constructor(options: PulledListsOptions) {
    this.#options = options;
  }

  /**
   * All tags in byte order; those that are here where the upstream gives no answer. Throws NAME_UNKNOWN, DENIED, and
   * UpstreamFailure where there are none here either.
   */
  async tags(): Promise<readonly Tag[]> {
    const { name, authority, freshForMs, shared } = this.#options;
    try {
      return await shared.tags.get(name, freshForMs, async (signal) => {
        const tags = await asFailure(authority.listTags({ signal }));
        if (tags === undefined) throw new OciError('NAME_UNKNOWN', `there is no repository ${name}`);
        return [...tags].toSorted(byBytes);
      });
    } catch (error) {
      const here = error instanceof UpstreamFailure ? await this.tagsHere() : [];
      if (here.length === 0) throw error;
      return here;
    }
  }

  /** By digest; those that are here where the upstream gives no answer, which may be none. Throws DENIED. */
  async referrers(subject: Digest): Promise<readonly Descriptor[]> {
    const { name, authority, freshForMs, shared } = this.#options;
    const ask = (signal: AbortSignal) => asFailure(authority.referrers(subject, { signal }));
    try {
      return await shared.referrers.get(`${name}@${subject}`, freshForMs, ask);
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      return await this.referrersHere(subject);
    }
  }

  async referrersHere(subject: Digest): Promise<readonly Descriptor[]> {
    const { name, metadata } = this.#options;
    return await metadata.referrers(name, subject, { limit: STORED_A_PAGE });
  }

  async tagsHere(): Promise<readonly Tag[]> {
    const { name, metadata } = this.#options;
    const tags: Tag[] = [];
    for (;;) {
      const page = (await metadata.listTags(name, { last: tags.at(-1), limit: STORED_A_PAGE })) ?? [];
      tags.push(...page);
      if (page.length < STORED_A_PAGE) return tags;
    }
  }
}

async function asFailure<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    throw failureFor(error, { unknown: 'MANIFEST_UNKNOWN' });
  }
}

function byBytes(one: string, other: string): number {
  return one < other ? -1 : 1;
}
