// Which repository does a request mean? Several of its parts can say whose it is; those that speak have to agree. Pure.
import { DOCKER_HUB, type RepositoryName, familiarName, isRepositoryName } from '../oci/reference.ts';

/** What of a request says whose repository it means. */
export interface Claims {
  /** The Host header. */
  readonly host?: string | undefined;
  /** The port that the request came in at. */
  readonly port?: number | undefined;
  /** `?ns=`, which containerd sends: the registry of the image's name. */
  readonly ns?: string | undefined;
  /** What stood before `/v2`: `/ghcr.io/v2/…`. */
  readonly prefix?: string | undefined;
}

interface ClaimedUpstream {
  /** `ghcr.io`. */
  readonly name: string;
  /** Another path component that means it. */
  readonly path?: string | undefined;
  /** Host names, and ports as `:5002`, in lower case. */
  readonly hosts: readonly string[];
}

export interface NamingRules {
  readonly upstreams: Iterable<ClaimedUpstream>;
  /** `undefined`: a request that claims none means a repository of our own. */
  readonly defaultUpstream: string | undefined;
  /** Our own names, in lower case: a client that says one of them says nothing of an upstream. */
  readonly serverNames: readonly string[];
}

export interface MeantRepository {
  /** `undefined`: there is no default upstream, and the request claims none. */
  readonly upstream: string | undefined;
  /** As the upstream names it. */
  readonly name: RepositoryName;
  /** As our store names it. */
  readonly stored: RepositoryName;
  /** Whether it can be a hosted one: a repository of the default upstream, by whatever route. */
  readonly isDefault: boolean;
}

/** Why a request means none: a sentence for its client. */
export interface MeansNone {
  readonly reason: string;
}

export class RepositoryNames {
  readonly #byComponent = new Map<string, string>();
  readonly #byHost = new Map<string, string>();
  readonly #serverNames: ReadonlySet<string>;
  readonly #defaultUpstream: string | undefined;

  constructor({ upstreams, defaultUpstream, serverNames }: NamingRules) {
    for (const { name, path, hosts } of upstreams) {
      this.#byComponent.set(name, name);
      if (path !== undefined) this.#byComponent.set(path, name);
      for (const host of hosts) this.#byHost.set(host, name);
    }
    this.#serverNames = new Set(serverNames);
    this.#defaultUpstream = defaultUpstream;
  }

  /** The upstream that a path component means, before `/v2` or behind it. */
  upstreamOf(component: string): string | undefined {
    return this.#byComponent.get(component);
  }

  /** The repository that a path of `/v2/` and the rest of its request mean. */
  meant(path: RepositoryName, claims: Claims): MeantRepository | MeansNone {
    const claimed = new Set<string>();
    const byHost = this.#byHost.size === 0 ? undefined : this.#claimOfHost(claims);
    if (byHost !== undefined) claimed.add(byHost);
    if (claims.prefix !== undefined) {
      const upstream = this.#byComponent.get(claims.prefix);
      if (upstream === undefined) return unknownUpstream(claims.prefix);
      claimed.add(upstream);
    }
    if (claims.ns !== undefined && !this.#serverNames.has(claims.ns.toLowerCase())) {
      const upstream = this.#upstreamOfNamespace(claims.ns.toLowerCase());
      if (upstream === undefined) return unknownUpstream(claims.ns);
      claimed.add(upstream);
    }
    const name = this.#withoutClaims(path, claimed);
    const [upstream, other] = claimed;
    if (other !== undefined) {
      return { reason: `the request names the upstreams ${[...claimed].join(' and ')} at once; a repository has one` };
    }
    return this.#repositoryOf(upstream ?? this.#defaultUpstream, name);
  }

  /** As our store names a repository of an upstream. */
  storedName(upstream: string | undefined, name: RepositoryName): RepositoryName | MeansNone {
    const stored = upstream === this.#defaultUpstream ? name : `${folderOf(upstream ?? '')}/${name}`;
    return isRepositoryName(stored) ? stored : { reason: `${upstream}/${name} is too long a name to be kept here` };
  }

  #repositoryOf(upstream: string | undefined, written: RepositoryName): MeantRepository | MeansNone {
    const isOfficial = upstream === DOCKER_HUB && !written.includes('/');
    const name = isOfficial ? (`library/${written}` as RepositoryName) : written;
    const stored = this.storedName(upstream, name);
    return typeof stored === 'string'
      ? { upstream, name, stored, isDefault: upstream === this.#defaultUpstream }
      : stored;
  }

  /** The first component may name the upstream, also once more: containerd sends `/v2/ghcr.io/o/app?ns=ghcr.io`. */
  #withoutClaims(path: RepositoryName, claimed: Set<string>): RepositoryName {
    for (let rest: string = path; ;) {
      const slash = rest.indexOf('/');
      const upstream = slash < 0 ? undefined : this.#byComponent.get(rest.slice(0, slash));
      if (upstream === undefined) return rest as RepositoryName;
      claimed.add(upstream);
      if (claimed.size > 1) return rest as RepositoryName;
      rest = rest.slice(slash + 1);
    }
  }

  #claimOfHost({ host, port }: Claims): string | undefined {
    const written = host?.toLowerCase() ?? '';
    const colon = written.lastIndexOf(':');
    const hasPort = colon > written.lastIndexOf(']');
    const byName = this.#byHost.get(written) ?? (hasPort ? this.#byHost.get(written.slice(0, colon)) : undefined);
    return byName ?? (hasPort ? this.#byHost.get(written.slice(colon)) : undefined) ?? this.#byHost.get(`:${port}`);
  }

  /** Docker Hub's registry goes by several names. */
  #upstreamOfNamespace(ns: string): string | undefined {
    return this.#byComponent.get(HUB_NAMES.has(ns) ? DOCKER_HUB : ns);
  }
}

const HUB_NAMES: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * Whether docker.io can have a repository of that name: docker reads a first component with a dot, such as in
 * `quay.example/o/app`, as another registry.
 */
export function canBeOnDockerHub(name: RepositoryName): boolean {
  return !familiarName(DOCKER_HUB, name).startsWith(`${DOCKER_HUB}/`);
}

export function isMeant(meant: MeantRepository | MeansNone): meant is MeantRepository {
  return 'stored' in meant;
}

function unknownUpstream(name: string): MeansNone {
  return { reason: `"${name.slice(0, 200)}" is no upstream of this server; to use it, list it under upstreams` };
}

/** A path component of an upstream's name; no host name has an underscore. */
export function folderOf(upstream: string): string {
  return upstream.toLowerCase().replaceAll(':', '_').replaceAll(/[[\]]/g, '');
}
