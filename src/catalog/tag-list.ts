// All tags of a repository, and what whoever lists them tells along: Docker Hub's web API knows what they mean and when
// they were moved, a registry knows their names.
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Platform } from '../oci/platform.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call, ListsTags } from '../oci/repository.ts';
import type { HubApi, HubTag } from '../remote/hub-api.ts';
import { RemoteError } from '../remote/remote-error.ts';

export interface ListedTag {
  readonly tag: Tag;
  readonly digest?: Digest | undefined;
  /** Empty: nothing was said. */
  readonly platforms: readonly Platform[];
  readonly updatedAtMs?: number | undefined;
}

/** `undefined`: there is no such repository, or it is not shown to us. Throws RemoteError. */
export type ListTags = (repository: RepositoryName, call: Call) => Promise<readonly ListedTag[] | undefined>;

/** A repository with more is not listed to its end: ten times what the largest has. */
const MAX_TAGS = 1_000_000;
const MAX_KNOWN_SETS = 10_000;

/** As the web API lists them. */
export function hubTags(api: HubApi): ListTags {
  return async (repository, call) => {
    const tags = new Map<Tag, ListedTag>();
    const platforms = new Platforms();
    try {
      const read = (tag: HubTag) => listed(tag, platforms);
      for await (const page of api.mapTags(repository, read, { ...call, ordering: 'name' })) {
        for (const listed of page.tags) tags.set(listed.tag, listed);
        if (tags.size >= MAX_TAGS) break;
      }
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
    return [...tags.values()];
  };
}

/** As the registry lists them. */
export function registryTags(repositoryOf: (name: RepositoryName) => ListsTags): ListTags {
  return async (repository, call) => {
    const tags = await repositoryOf(repository).listTags(call);
    return tags && [...tags].map((tag) => ({ tag, platforms: [] }));
  };
}

/** From the first that shows the repository, else from the other; also where the first does not answer. */
export function eitherOf(first: ListTags, other: ListTags): ListTags {
  return async (repository, call) => {
    let tags: Awaited<ReturnType<ListTags>>;
    try {
      tags = await first(repository, call);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
    }
    return tags ?? (await other(repository, call));
  };
}

function listed({ name, digest, updatedAt, parts }: HubTag, platforms: Platforms): ListedTag {
  const updatedAtMs = Date.parse(updatedAt ?? '');
  return {
    tag: name,
    digest,
    platforms: platforms.of(parts.map(({ platform }) => platform)),
    updatedAtMs: Number.isNaN(updatedAtMs) ? undefined : updatedAtMs,
  };
}

/** Tens of thousands of tags have a handful of sets of platforms between them. */
class Platforms {
  readonly #known = new Map<string, readonly Platform[]>();

  of(texts: readonly string[]): readonly Platform[] {
    const key = texts.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const platforms = [...new Set(texts)].flatMap((text): Platform[] => {
      const [os = '', architecture = '', variant] = text.split('/');
      const isAttestation = os === 'unknown' || os === '' || architecture === '';
      return isAttestation ? [] : [{ os, architecture, ...(variant !== undefined && { variant }) }];
    });
    if (this.#known.size < MAX_KNOWN_SETS) this.#known.set(key, platforms);
    return platforms;
  }
}
