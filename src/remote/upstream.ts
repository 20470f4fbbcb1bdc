// The product's idea as an object: the authority says what a tag means, in ways that spend no pull.
import { SingleFlight } from '../async/single-flight.ts';
import type { Digest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, familiarName, parseRepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { expandTemplate } from '../oci/template.ts';
import type { HubApi } from './hub-api.ts';
import type { Mirror } from './mirror.ts';
import type { PullPayer } from './pull-ledger.ts';
import type { RemoteRegistry } from './remote-registry.ts';
import type { RemoteRepository } from './remote-repository.ts';
import type { TagMemory } from './tag-memory.ts';
import { type ResolveCall, type Resolutions, resolveTags } from './tag-resolver.ts';
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
  readonly memory?: TagMemory | undefined;
  /** Which repositories anybody may read, as far as another object for the same upstream knows. */
  readonly publicity?: Map<RepositoryName, boolean> | undefined;
}

const MAX_PUBLICITY = 10_000;

/** The owner of names: a registry, and where it has one the web API that tells digests by the hundred. */
export class Upstream {
  readonly name: string;
  readonly registry: RemoteRegistry;
  readonly #hubApi: HubApi | undefined;
  readonly mirrors: readonly Mirror[];
  readonly #template: string;
  readonly #anonymous: RemoteRegistry | undefined;
  readonly #paid: PaidManifestStore | undefined;
  readonly #memory: TagMemory | undefined;
  readonly #unstitchable = new Set<Digest>();
  #budgetLearned: Promise<void> | undefined;
  readonly #publicity: Map<RepositoryName, boolean>;
  readonly #publicityQuestions = new SingleFlight<RepositoryName, boolean>();

  constructor(options: UpstreamOptions) {
    const { name, registry, hubApi, template = '{repository}', mirrors = [], anonymous, paid, memory } = options;
    this.name = name;
    this.registry = registry;
    this.mirrors = mirrors;
    this.#hubApi = hubApi;
    this.#template = template;
    this.#anonymous = anonymous;
    this.#paid = paid;
    this.#memory = memory;
    this.#publicity = options.publicity ?? new Map<RepositoryName, boolean>();
  }

  /** The repository at its owner, and nowhere else. */
  authority(name: RepositoryName): RemoteRepository {
    return this.registry.repository(this.#nameAt(name));
  }

  /** The repository as a source of content by digest, from wherever it costs least; what is counted, `payer` pays. */
  repository(name: RepositoryName, payer?: PullPayer): UpstreamRepository {
    return new UpstreamRepository({
      upstream: this.name,
      name,
      authority: this.authority(name),
      mirrors: this.mirrors,
      isPublic: () => this.isPublic(name),
      unstitchable: this.#unstitchable,
      paid: this.#paid,
      payer,
      learnBudget: (digest, call) => this.#learnBudget(name, digest, call),
    });
  }

  /**
   * Whether each manifest takes one of the pulls that are left: nobody else is asked first, and the upstream meters,
   * which a HEAD of the image tells.
   */
  async isRationed(name: RepositoryName, digest: Digest, call: Call): Promise<boolean> {
    if (this.mirrors.some((mirror) => mirror.isFor('manifests'))) return false;
    await this.#learnBudget(name, digest, call);
    return this.registry.ledger.budget !== undefined;
  }

  /** How many of the manifests were paid for already. */
  async countPaid(digests: readonly Digest[]): Promise<number> {
    const paid = await Promise.all(digests.map(async (digest) => (await this.#paid?.has(digest)) === true));
    return paid.filter(Boolean).length;
  }

  /**
   * Whether anybody may read the repository: what we can read without a login is; with one, the registry is asked once as
   * nobody in particular. Rejects when it does not say.
   */
  async isPublic(name: RepositoryName): Promise<boolean> {
    const known = this.#publicity.get(name);
    if (known !== undefined) return known;
    const isPublic = await this.#publicityQuestions.run(name, () => this.#askWhetherPublic(name));
    const [oldest] = this.#publicity.keys();
    if (this.#publicity.size >= MAX_PUBLICITY && oldest !== undefined) this.#publicity.delete(oldest);
    this.#publicity.set(name, isPublic);
    return isPublic;
  }

  #nameAt(name: RepositoryName): RepositoryName {
    const values = { repository: name, name: familiarName(this.name, name), upstream: this.name };
    return parseRepositoryName(expandTemplate(this.#template, values));
  }

  // Once a process: from then on each answer says it. Whatever is wrong is for the request itself to say.
  async #learnBudget(name: RepositoryName, digest: Digest, call: Call): Promise<void> {
    if (this.registry.hasHeardOfPulls) return;
    this.#budgetLearned ??= this.authority(name)
      .resolve(digest, call)
      .then(
        () => undefined,
        () => undefined,
      );
    await this.#budgetLearned;
  }

  async #askWhetherPublic(name: RepositoryName): Promise<boolean> {
    if (!(await this.registry.hasLogin())) return true;
    return (await this.#anonymous?.repository(this.#nameAt(name)).isReadable()) ?? false;
  }

  /** What each tag means, asked without a pull. */
  async resolveTags(name: RepositoryName, tags: readonly Tag[], call: ResolveCall = {}): Promise<Resolutions> {
    const tagResolver = {
      authority: this.authority(name),
      name,
      hubApi: this.#hubApi,
      memory: call.memory ?? this.#memory,
    };
    return await resolveTags(tagResolver, tags, call);
  }
}
