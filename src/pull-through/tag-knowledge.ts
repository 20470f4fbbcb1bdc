import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

/** What an upstream said that a tag means. */
export interface KnownTag {
  readonly descriptor: Descriptor;
  readonly asOfMs: number;
}

const MAX_KNOWN = 100_000;

/**
 * What this process heard of tags last, also of those whose manifests are not here: a client asks by HEAD what a tag
 * means, and fetches that by its digest. The longest unheard of are forgotten.
 */
export class TagKnowledge {
  readonly #known = new Map<string, KnownTag>();
  /** By repository and digest: the tags that are to be moved once the manifest is here. */
  readonly #waiting = new Map<string, Set<Tag>>();

  get(repository: RepositoryName, tag: Tag): KnownTag | undefined {
    return this.#known.get(`${repository}:${tag}`);
  }

  learn(repository: RepositoryName, tag: Tag, known: KnownTag): void {
    const key = `${repository}:${tag}`;
    this.#known.delete(key);
    this.#known.set(key, known);
    dropOldest(this.#known);
  }

  forget(repository: RepositoryName, tag: Tag): void {
    this.#known.delete(`${repository}:${tag}`);
  }

  /** The tag means a manifest that is not here yet. */
  await(repository: RepositoryName, tag: Tag, digest: Digest): void {
    const key = `${repository}@${digest}`;
    const tags = this.#waiting.get(key) ?? new Set();
    this.#waiting.delete(key);
    this.#waiting.set(key, tags.add(tag));
    dropOldest(this.#waiting);
  }

  /** The tags that still mean the manifest, which is about to be here. */
  arrived(repository: RepositoryName, digest: Digest): readonly Tag[] {
    const key = `${repository}@${digest}`;
    const tags = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    return [...tags].filter((tag) => this.get(repository, tag)?.descriptor.digest === digest);
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_KNOWN) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
