// Everything that we serve under /v2/: our own repositories and those of the upstreams, told apart by their names, and who
// may have what.
import type { Awaitable } from '../async/awaitable.ts';
import { systemClock } from '../async/clock.ts';
import type { UpstreamConfig } from '../config/config.ts';
import type { CanonicalRepository, Client, Clients } from '../http/auth/client.ts';
import { notHosted } from '../http/auth/not-hosted.ts';
import type { Action } from '../http/auth/policy.ts';
import type {
  AskedRepository,
  HostedRegistry,
  HostedRepository,
  Page,
} from '../http/distribution/hosted-repository.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import { OciError } from '../oci/errors.ts';
import type { Pattern } from '../oci/pattern.ts';
import { DOCKER_HUB, type RepositoryName, familiarName } from '../oci/reference.ts';
import { patiently } from '../pull-through/patience.ts';
import type { PullThrough, PulledUpstream } from '../pull-through/pull-through.ts';
import { failureFor } from '../pull-through/upstream-failure.ts';
import {
  type Claims,
  type MeansNone,
  type MeantRepository,
  RepositoryNames,
  canBeOnDockerHub,
  isMeant,
} from '../pull-through/which-repository.ts';
import type { PushRules } from '../store/push-rules.ts';
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
  readonly clients: Clients;
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
    const client = this.#options.clients.of(asked);
    return client instanceof Promise
      ? client.then((known) => this.#repositoryFor(known, name, asked))
      : this.#repositoryFor(client, name, asked);
  }

  ping(asked: Pick<AskedRepository, 'request' | 'prefix'>): Awaitable<void> {
    const client = this.#options.clients.of(asked);
    return client instanceof Promise
      ? client.then((known) => known.admitToServer('ping'))
      : client.admitToServer('ping');
  }

  /** What policy calls the repository that a request would mean; `undefined` where it would mean none. */
  async canonicalName(
    name: RepositoryName,
    asked: Pick<AskedRepository, 'request' | 'prefix'>,
  ): Promise<string | undefined> {
    const meant = this.#names.meant(name, claimsOf(asked));
    return isMeant(meant) ? this.#named(meant, await this.#isHosted(meant)).canonical : undefined;
  }

  isPrefix(component: string): boolean {
    return this.#names.upstreamOf(component) !== undefined;
  }

  /** As our store names them, but for those that this client may not read. */
  async listRepositories(page: Page<RepositoryName>, request: HttpRequest): Promise<readonly RepositoryName[]> {
    const { registry } = this.#options.store;
    const client = await this.#options.clients.of({ request });
    client.admitToServer('catalog');
    const names: RepositoryName[] = [];
    for (let { after } = page; names.length < page.limit;) {
      const found = await registry.listRepositories({ ...page, after });
      names.push(...found.filter((name) => this.#mayRead(client, this.#names.meant(name, {}), { inCatalog: true })));
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

  #repositoryFor(client: Client, name: RepositoryName, asked: AskedRepository): Awaitable<HostedRepository> {
    const meant = this.#names.meant(name, claimsOf(asked));
    if (!isMeant(meant)) {
      client.admitToServer('unknown');
      throw new OciError('NAME_UNKNOWN', meant.reason);
    }
    const isHosted = this.#isHosted(meant);
    return isHosted instanceof Promise
      ? isHosted.then((is) => this.#repository(client, meant, is, asked))
      : this.#repository(client, meant, isHosted, asked);
  }

  #repository(
    client: Client,
    meant: MeantRepository,
    isHosted: boolean,
    asked: AskedRepository,
  ): Awaitable<HostedRepository> {
    const { registry } = this.#options.store;
    const served = this.#options.upstreams.get(meant.upstream ?? '');
    const isRead = asked.intent === 'read';
    const named = this.#named(meant, isHosted);
    const action = actionOf(asked, named);
    asked.request.note?.('repository', named.canonical);
    asked.request.note?.('action', action);
    client.admit(action, named);
    if (isHosted || served === undefined) {
      if (!isHosted && asked.intent === 'push') throw notHosted(meant.name);
      if (isRead) return registry.repository(meant.stored);
      return registry.repositoryWith(meant.stored, { rules: this.#pushRules(client, asked) });
    }
    this.#checkIsAsked(meant, served);
    if (isRead) return this.#pulled(client, meant, served, asked);
    return this.#options.pullThrough.filled(meant.stored, meant.name, served, this.#pushRules(client, asked));
  }

  #named({ upstream, name, stored, isDefault }: MeantRepository, isHosted: boolean): CanonicalRepository {
    const isOurs = isHosted || !this.#options.upstreams.has(upstream ?? '');
    return {
      canonical: isOurs ? stored : `${upstream}/${name}`,
      written: isDefault ? name : `${upstream}/${name}`,
      isHosted: isOurs,
    };
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

  /** What our login may read and others may not is for those who are known, unless somebody has said otherwise. */
  #pulled(
    client: Client,
    meant: MeantRepository,
    served: ServedUpstream,
    asked: AskedRepository,
  ): Awaitable<HostedRepository> {
    const { config } = served;
    const { stored, name } = meant;
    const { pullThrough } = this.#options;
    const repository = isOnlyIfCached(asked.request)
      ? pullThrough.held(stored, name, served)
      : pullThrough.repository(stored, name, served);
    if (config.public || this.#public.has(repository) || client.seesPrivate) return repository;
    return this.#ifPublic(client, repository, served, name);
  }

  async #ifPublic(
    client: Client,
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
    client.admitToServer('unknown');
    throw new OciError(
      'DENIED',
      `${upstream.name}/${name} is read with a login of this server, which is for programs on its own machine alone; ` +
        `its owner may set public: true for ${upstream.name}`,
    );
  }

  #pushRules(client: Client, asked: AskedRepository): PushRules {
    return {
      mayRead: (stored) => this.#mayRead(client, this.#names.meant(stored, {})),
      sourceOf: (from) => {
        const meant = this.#names.meant(from, claimsOf(asked));
        return isMeant(meant) && this.#mayRead(client, meant) ? meant.stored : undefined;
      },
      uploads: client.uploads,
    };
  }

  /**
   * Without asking anybody: what may need a login of ours is for those who are known. Where it would have to be waited for
   * whether a repository is our own, it is taken for the upstream's.
   */
  #mayRead(client: Client, meant: MeantRepository | MeansNone, call?: { readonly inCatalog: boolean }): boolean {
    if (!isMeant(meant)) return false;
    const isHosted = this.#isHosted(meant) === true;
    if (!client.mayPull(this.#named(meant, isHosted), call)) return false;
    const served = this.#options.upstreams.get(meant.upstream ?? '');
    const isPrivate = served !== undefined && !isHosted && served.hasLogin && !served.config.public;
    return !isPrivate || client.seesPrivate;
  }
}

function actionOf({ intent }: AskedRepository, { isHosted }: CanonicalRepository): Action {
  if (intent === 'read') return 'pull';
  return intent === 'push' && !isHosted ? 'fill' : intent;
}

function claimsOf({ request, prefix }: Pick<AskedRepository, 'request' | 'prefix'>): Claims {
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
