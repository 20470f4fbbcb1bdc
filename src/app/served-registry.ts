// Everything that we serve under /v2/: our own repositories and those of the upstreams, told apart by their names, and who
// may have what.
import type { Awaitable } from '../async/awaitable.ts';
import { systemClock } from '../async/clock.ts';
import type { UpstreamConfig } from '../config/config.ts';
import type {
  AskedRepository,
  HostedRegistry,
  HostedRepository,
  Page,
} from '../http/distribution/hosted-repository.ts';
import { isLocal } from '../http/distribution/is-local.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import { OciError } from '../oci/errors.ts';
import type { Pattern } from '../oci/pattern.ts';
import { DOCKER_HUB, type RepositoryName, familiarName } from '../oci/reference.ts';
import { patiently } from '../pull-through/patience.ts';
import type { PullThrough, PulledUpstream } from '../pull-through/pull-through.ts';
import { failureFor } from '../pull-through/upstream-failure.ts';
import {
  type Claims,
  type MeantRepository,
  RepositoryNames,
  canBeOnDockerHub,
  isMeant,
} from '../pull-through/which-repository.ts';
import type { MountRules } from '../store/stored-repository.ts';
import type { Store } from './open-store.ts';

export interface ServedUpstream extends PulledUpstream {
  readonly config: Pick<UpstreamConfig, 'path' | 'hosts' | 'public'>;
  /** What may be asked for at all. */
  readonly repositories: readonly Pattern[];
  /** Whether we had a login for it when the server began. */
  readonly hasLogin: boolean;
}

export interface ServedRegistryOptions {
  readonly store: Pick<Store, 'registry' | 'metadata'>;
  readonly pullThrough: PullThrough;
  readonly upstreams: ReadonlyMap<string, ServedUpstream>;
  readonly defaultUpstream: string | undefined;
  readonly serverNames: readonly string[];
  readonly hosted: readonly Pattern[];
}

export class ServedRegistry implements HostedRegistry {
  readonly #options: ServedRegistryOptions;
  readonly #names: RepositoryNames;
  /** Anybody may read them, as was heard before: to wait for that again would cost as much as half a request. */
  readonly #public = new WeakSet<HostedRepository>();

  constructor(options: ServedRegistryOptions) {
    const { upstreams, defaultUpstream, serverNames } = options;
    this.#options = options;
    const claimed = [...upstreams].map(([name, { config }]) => ({ name, path: config.path, hosts: config.hosts }));
    this.#names = new RepositoryNames({ upstreams: claimed, defaultUpstream, serverNames });
  }

  repository(name: RepositoryName, asked: AskedRepository): Awaitable<HostedRepository> {
    const meant = this.#names.meant(name, claimsOf(asked));
    if (!isMeant(meant)) throw new OciError('NAME_UNKNOWN', meant.reason);
    const isHosted = this.#isHosted(meant);
    return isHosted instanceof Promise
      ? isHosted.then((is) => this.#repository(meant, is, asked))
      : this.#repository(meant, isHosted, asked);
  }

  isPrefix(component: string): boolean {
    return this.#names.upstreamOf(component) !== undefined;
  }

  /** As our store names them, but for those that this client may not read. */
  async listRepositories(page: Page<RepositoryName>, request: HttpRequest): Promise<readonly RepositoryName[]> {
    const { registry } = this.#options.store;
    const rules = this.#mountRules({ request, intent: 'read' });
    const names: RepositoryName[] = [];
    for (let { after } = page; names.length < page.limit;) {
      const found = await registry.listRepositories({ ...page, after });
      names.push(...found.filter((name) => rules.mayRead(name)));
      if (found.length < page.limit) break;
      after = found.at(-1);
    }
    return names.slice(0, page.limit);
  }

  /** A repository that was pushed to stays our own, whatever the patterns are by now. */
  #isHosted({ isDefault, upstream, name, stored }: MeantRepository): Awaitable<boolean> {
    if (!isDefault) return false;
    const familiar = upstream === undefined ? name : familiarName(upstream, name);
    const { hosted, store } = this.#options;
    const isMatched = hosted.some((pattern) => pattern.matchesName(name) || pattern.matchesName(familiar));
    return isMatched || store.metadata.holdsPushed(stored);
  }

  #repository(meant: MeantRepository, isHosted: boolean, asked: AskedRepository): Awaitable<HostedRepository> {
    const { registry } = this.#options.store;
    const served = this.#options.upstreams.get(meant.upstream ?? '');
    const isRead = asked.intent === 'read';
    if (isHosted || served === undefined) {
      if (!isHosted && asked.intent === 'push') throw notHosted(meant.name);
      if (isRead) return registry.repository(meant.stored);
      return registry.repositoryWith(meant.stored, { mounts: this.#mountRules(asked) });
    }
    this.#checkIsAsked(meant, served);
    if (isRead) return this.#pulled(meant, served, asked);
    // Until there are accounts, this machine alone fills what is an upstream's.
    if (!isLocal(asked.request)) throw notHosted(meant.name);
    return this.#options.pullThrough.filled(meant.stored, meant.name, served, this.#mountRules(asked));
  }

  #checkIsAsked({ upstream, name }: MeantRepository, { repositories }: ServedUpstream): void {
    if (upstream === DOCKER_HUB && !canBeOnDockerHub(name)) {
      const [registry] = name.split('/');
      throw new OciError(
        'NAME_UNKNOWN',
        `"${registry}" is no upstream of this server; to use it, list it under upstreams`,
      );
    }
    if (repositories.some((pattern) => pattern.matchesName(name))) return;
    throw new OciError('DENIED', `${upstream}/${name} is not among what this server asks ${upstream} for`);
  }

  /** What our login may read and others may not is for this machine alone, unless somebody has said otherwise. */
  #pulled(meant: MeantRepository, served: ServedUpstream, asked: AskedRepository): Awaitable<HostedRepository> {
    const { config } = served;
    const { stored, name } = meant;
    const { pullThrough } = this.#options;
    const repository = isOnlyIfCached(asked.request)
      ? pullThrough.held(stored, name, served)
      : pullThrough.repository(stored, name, served);
    if (config.public || this.#public.has(repository) || isLocal(asked.request)) return repository;
    return this.#ifPublic(repository, served, name);
  }

  async #ifPublic(
    repository: HostedRepository,
    { upstream }: ServedUpstream,
    name: RepositoryName,
  ): Promise<HostedRepository> {
    const isPublic = await patiently(systemClock, upstream.isPublic(name)).catch((error: unknown) => {
      throw failureFor(error, { unknown: 'MANIFEST_UNKNOWN' });
    });
    if (isPublic) {
      this.#public.add(repository);
      return repository;
    }
    throw new OciError(
      'DENIED',
      `${upstream.name}/${name} is read with a login of this server, which is for programs on its own machine alone; ` +
        `its owner may set public: true for ${upstream.name}`,
    );
  }

  #mountRules({ request, ...asked }: AskedRepository): MountRules {
    const isOfThisMachine = isLocal(request);
    const mayRead = (stored: RepositoryName) => isOfThisMachine || !this.#isPrivate(stored);
    return {
      mayRead,
      sourceOf: (from) => {
        const meant = this.#names.meant(from, claimsOf({ request, ...asked }));
        return isMeant(meant) && mayRead(meant.stored) ? meant.stored : undefined;
      },
    };
  }

  /** Whether it is of an upstream that we have a login for; which of its repositories need it is not asked here. */
  #isPrivate(stored: RepositoryName): boolean {
    const meant = this.#names.meant(stored, {});
    const served = isMeant(meant) ? this.#options.upstreams.get(meant.upstream ?? '') : undefined;
    return (
      served !== undefined &&
      served.hasLogin &&
      !served.config.public &&
      this.#isHosted(meant as MeantRepository) !== true
    );
  }
}

function claimsOf({ request, prefix }: AskedRepository): Claims {
  return {
    host: request.header('host'),
    port: request.localPort,
    ns: request.query.get('ns') ?? undefined,
    prefix,
  };
}

/** RFC 9111 §5.2.1.7. What is not here is then unknown, with a 404 and not its 504, which says that something is broken. */
function isOnlyIfCached(request: HttpRequest): boolean {
  return /\bonly-if-cached\b/i.test(request.header('cache-control') ?? '');
}

function notHosted(name: RepositoryName): OciError {
  return new OciError(
    'UNSUPPORTED',
    `${name} is not a name that this registry hosts; to push there, ` +
      `add a pattern for it under hosted: in the configuration, or start with --hosted '${name}'`,
  );
}
