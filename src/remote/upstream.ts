// The product's idea as an object: the authority says what a tag means, in ways that spend no pull.
import { forEach } from '../async/for-each.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import type { Digest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, familiarName, parseRepositoryName } from '../oci/reference.ts';
import type { Call, Resolution, Source } from '../oci/repository.ts';
import { expandTemplate } from '../oci/template.ts';
import type { HubApi, HubTag } from './hub-api.ts';
import type { Mirror } from './mirror.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRegistry } from './remote-registry.ts';
import type { RemoteRepository } from './remote-repository.ts';
import { type PaidManifestStore, UpstreamRepository } from './upstream-repository.ts';

export interface UpstreamOptions {
  /** `docker.io`. */
  readonly name: string;
  readonly registry: RemoteRegistry;
  readonly hubApi?: HubApi | undefined;
  /** Where the upstream's repositories are at the registry: oci/template.ts. They keep their names by default. */
  readonly template?: string | undefined;
  /** Others who have the same content, in the order in which they are asked. */
  readonly mirrors?: readonly Mirror[] | undefined;
  /** The same registry without a login, which tells public repositories from others; needed where there is a login. */
  readonly anonymous?: RemoteRegistry | undefined;
  readonly paid?: PaidManifestStore | undefined;
}

/** What asking for each tag gave: what it means, or why that is not known. */
export type Resolutions = ReadonlyMap<Tag, Resolution | RemoteError>;

const HEADS_AT_ONCE = 32;

/** The owner of names: a registry, and where it has one the web API that tells digests by the hundred. */
export class Upstream {
  readonly name: string;
  readonly registry: RemoteRegistry;
  readonly #hubApi: HubApi | undefined;
  readonly mirrors: readonly Mirror[];
  readonly #template: string;
  readonly #anonymous: RemoteRegistry | undefined;
  readonly #paid: PaidManifestStore | undefined;
  readonly #unstitchable = new Set<Digest>();
  #budgetLearned: Promise<void> | undefined;
  readonly #publicity = new Map<RepositoryName, Promise<boolean>>();

  constructor(options: UpstreamOptions) {
    const { name, registry, hubApi, template = '{repository}', mirrors = [], anonymous, paid } = options;
    this.name = name;
    this.registry = registry;
    this.mirrors = mirrors;
    this.#hubApi = hubApi;
    this.#template = template;
    this.#anonymous = anonymous;
    this.#paid = paid;
  }

  /** The repository at its owner, and nowhere else. */
  authority(name: RepositoryName): RemoteRepository {
    return this.registry.repository(this.#nameAt(name));
  }

  /** The repository as a source of content by digest, from wherever it costs least. */
  repository(name: RepositoryName): Source {
    return new UpstreamRepository({
      upstream: this.name,
      name,
      authority: this.authority(name),
      mirrors: this.mirrors,
      isPublic: () => this.#isPublic(name),
      unstitchable: this.#unstitchable,
      paid: this.#paid,
      learnBudget: (authority, digest, call) => this.#learnBudget(authority, digest, call),
    });
  }

  #nameAt(name: RepositoryName): RepositoryName {
    const values = { repository: name, name: familiarName(this.name, name), upstream: this.name };
    return parseRepositoryName(expandTemplate(this.#template, values));
  }

  // Once a process: from then on each answer says it. Whatever is wrong is for the request itself to say.
  #learnBudget(authority: RemoteRepository, digest: Digest, call: Call): Promise<void> {
    this.#budgetLearned ??= authority.resolve(digest, call).then(
      () => undefined,
      () => undefined,
    );
    return this.#budgetLearned;
  }

  // What we can read without a login, anybody can. With one, the registry is asked once as nobody in particular.
  #isPublic(name: RepositoryName): Promise<boolean> {
    const known = this.#publicity.get(name) ?? this.#askWhetherPublic(name);
    this.#publicity.set(name, known);
    return known;
  }

  async #askWhetherPublic(name: RepositoryName): Promise<boolean> {
    if (!(await this.registry.hasLogin())) return true;
    if (this.#anonymous === undefined) return false;
    try {
      return (await this.#anonymous.repository(this.#nameAt(name)).listTags()) !== undefined;
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      return false;
    }
  }

  /**
   * Asks what each tag means: pages of the web API until all are seen or a HEAD each is cheaper, then HEAD for those
   * that are left. A tag that is not there gives an error with status 404. Throws only when the signal aborts.
   */
  async resolveTags(name: RepositoryName, tags: readonly Tag[], call: Call = {}): Promise<Resolutions> {
    const found = new Map<Tag, Resolution | RemoteError>();
    const isUnknownToApi = await this.#askApi(name, new Set(tags), found, call);
    const repository = this.authority(name);
    const left = tags.filter((tag) => !found.has(tag));
    await forEach(left, HEADS_AT_ONCE, async (tag) => {
      try {
        found.set(tag, await repository.resolve(tag, call));
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!(error instanceof RemoteError)) throw error;
        found.set(tag, isUnknownToApi && error.code === 'DENIED' ? this.#missing(name, tag) : error);
      }
    });
    return found;
  }

  /** Fills `found`; tells whether the API says that there is no such repository. */
  async #askApi(name: RepositoryName, wanted: Set<Tag>, found: Map<Tag, Resolution | RemoteError>, call: Call) {
    if (this.#hubApi === undefined) return false;
    try {
      let pages = 0;
      for await (const { tags, total } of this.#hubApi.tags(name, call)) {
        pages += 1;
        const news = tags.filter((tag) => wanted.delete(tag.name));
        for (const tag of news) {
          const resolution = this.#resolutionOf(tag);
          if (resolution !== undefined) found.set(tag.name, resolution);
        }
        const pagesLeft = Math.ceil(total / 100) - pages;
        // A list that is longer than it said, and brings no news, might go on for ever.
        const isWorthwhile = news.length > 0 || (pagesLeft > 0 && pagesLeft < wanted.size);
        if (wanted.size === 0 || !isWorthwhile) break;
      }
    } catch (error) {
      // Whatever ails the API, HEAD answers the same question.
      if (!(error instanceof RemoteError)) throw error;
      return error.status === 404;
    }
    return false;
  }

  #resolutionOf(tag: HubTag): Resolution | undefined {
    if (tag.digest === undefined) return undefined;
    const mediaType = tag.mediaType ?? MEDIA_TYPES.ociIndex;
    const descriptor = { mediaType, digest: tag.digest, size: 0 };
    return { descriptor, asOf: new Date(this.registry.network.clock.now()), parts: tag.parts };
  }

  // The registry does not tell a missing repository from a private one, but the web API knows none either.
  #missing(name: RepositoryName, tag: Tag): RemoteError {
    return new RemoteError(this.registry.host, 'NAME_UNKNOWN', `has no repository ${name}, so no tag ${tag}`, {
      status: 404,
    });
  }
}
