// The cache: every upstream's repositories out of our store, and into it.
import type { Clock } from '../async/clock.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { Fills } from '../content/filling/fills.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Pattern } from '../oci/pattern.ts';
import { type RepositoryName, familiarName } from '../oci/reference.ts';
import type { Upstream } from '../remote/upstream.ts';
import type { PushRules } from '../store/push-rules.ts';
import type { StoredRegistry } from '../store/stored-registry.ts';
import { StoredTargets } from '../store/stored-target.ts';
import { FailureMemory } from './failure-memory.ts';
import { Patience } from './patience.ts';
import { heldRepository } from './held-repository.ts';
import { ListCache } from './list-cache.ts';
import type { PullEvents } from './pull-events.ts';
import { PulledBlobs, type SharedBlobs } from './pulled-blobs.ts';
import { PulledLists, type SharedLists } from './pulled-lists.ts';
import { PulledManifests, type SharedManifests } from './pulled-manifests.ts';
import { PulledRepository } from './pulled-repository.ts';
import { Questions } from './questions.ts';
import { TagKnowledge } from './tag-knowledge.ts';

export interface PullThroughOptions {
  readonly registry: StoredRegistry;
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  readonly fills: Fills;
  readonly clock: Clock;
  readonly events: PullEvents;
}

/** An upstream, and how long its answers are of use. */
export interface PulledUpstream {
  readonly upstream: Upstream;
  readonly freshForMs: number;
  readonly staleForMs: number;
  /** NAME or NAME:TAG patterns of tags that need no asking once they are known. */
  readonly immutable: readonly Pattern[];
}

const MAX_REPOSITORIES = 10_000;

export class PullThrough {
  readonly #options: PullThroughOptions;
  readonly #shared: SharedManifests & SharedBlobs & SharedLists;
  /** By the name in our store; the first of too many are forgotten. */
  readonly #repositories = new Map<RepositoryName, PulledRepository>();

  constructor(options: PullThroughOptions) {
    const { clock, fills, events } = options;
    this.#options = options;
    this.#shared = {
      clock,
      events,
      fills,
      knowledge: new TagKnowledge(),
      patience: new Patience(clock),
      meanings: new Questions({ clock }),
      manifests: new Questions({ clock }),
      sizes: new Questions({ clock }),
      failures: new FailureMemory(clock),
      owners: new WeakMap(),
      tags: new ListCache(clock),
      referrers: new ListCache(clock),
    };
  }

  /** The upstream's repository `name`, which our store calls `stored`: one object each. */
  repository(stored: RepositoryName, name: RepositoryName, pulled: PulledUpstream): PulledRepository {
    const known = this.#repositories.get(stored);
    if (known !== undefined) return known;
    const repository = this.#build(stored, name, pulled);
    const [oldest] = this.#repositories.keys();
    if (this.#repositories.size >= MAX_REPOSITORIES && oldest !== undefined) this.#repositories.delete(oldest);
    this.#repositories.set(stored, repository);
    return repository;
  }

  /** The same for whoever fills it from elsewhere, and may mount from some repositories. */
  filled(stored: RepositoryName, name: RepositoryName, pulled: PulledUpstream, rules: PushRules): PulledRepository {
    return this.#build(stored, name, pulled, rules);
  }

  /** What is here of it and nothing else, for whoever fills it. */
  held(stored: RepositoryName, name: RepositoryName, pulled: PulledUpstream): PulledRepository {
    const { registry, metadata, content, clock } = this.#options;
    const { upstream, freshForMs } = pulled;
    const target = new StoredTargets({ registry, metadata, content, now: () => clock.now() }).repository(stored);
    return heldRepository({
      stored: registry.repositoryWith(stored, { upstream: upstream.name }),
      isWhole: (digest) => target.holds(digest, []),
      lists: new PulledLists({
        name: stored,
        authority: upstream.authority(name),
        metadata,
        freshForMs,
        shared: this.#shared,
      }),
    });
  }

  #build(stored: RepositoryName, name: RepositoryName, pulled: PulledUpstream, rules?: PushRules): PulledRepository {
    const { registry, metadata, content } = this.#options;
    const { upstream, freshForMs, staleForMs, immutable } = pulled;
    const shared = this.#shared;
    const source = upstream.repository(name);
    const authority = upstream.authority(name);
    const storedRepository = registry.repositoryWith(stored, { upstream: upstream.name, rules });
    const familiar = familiarName(upstream.name, name);
    const patterns = immutable.filter((pattern) => pattern.matchesName(name) || pattern.matchesName(familiar));
    const manifests = new PulledManifests({
      name: stored,
      upstream: upstream.name,
      source,
      pullsBackByMs: () => upstream.registry.pullsBackByMs,
      metadata,
      policy: { freshForMs, staleForMs, isImmutable: (tag) => patterns.some((pattern) => pattern.matchesTag(tag)) },
      shared,
    });
    return new PulledRepository({
      stored: storedRepository,
      manifests,
      blobs: new PulledBlobs({ upstream: upstream.name, source, stored: storedRepository, metadata, content, shared }),
      lists: new PulledLists({ name: stored, authority, metadata, freshForMs, shared }),
    });
  }
}
