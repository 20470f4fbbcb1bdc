// The composition root of the commands: from configuration and environment to the objects that do the work.
import { lookup } from 'node:dns/promises';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../async/clock.ts';
import { builtInRatePerSecond } from '../config/built-in-upstreams.ts';
import type {
  Config,
  EndpointConfig,
  MirrorConfig,
  SyncJobConfig,
  TargetConfig,
  UpstreamConfig,
} from '../config/config.ts';
import { execLogin } from '../credentials/exec-login.ts';
import { DiskPullLedger } from '../journal/disk-pull-ledger.ts';
import type { Journal } from '../journal/journal.ts';
import { PaidManifests } from '../journal/paid-manifests.ts';
import { ResolvedTags } from '../journal/resolved-tags.ts';
import { SeenHosts } from '../journal/seen-hosts.ts';
import { Traffic } from '../observe/traffic.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import type { CredentialStore, Credentials } from '../remote/credentials.ts';
import type { ResolveHost } from '../remote/foreign-reach.ts';
import { HarborProjects } from '../remote/harbor-projects.ts';
import { HubApi } from '../remote/hub-api.ts';
import { Mirror } from '../remote/mirror.ts';
import { Network } from '../remote/network.ts';
import type { ProjectCreator } from '../remote/project-creator.ts';
import { type ProxyEnvironment, proxyChoice } from '../remote/proxy-environment.ts';
import { type PullLedger, ProcessPullLedger } from '../remote/pull-ledger.ts';
import { RemoteRegistry } from '../remote/remote-registry.ts';
import type { Send } from '../remote/send.ts';
import { Upstream } from '../remote/upstream.ts';
import type { RepairSource } from '../store/repair-content.ts';
import { StoredTargets } from '../store/stored-target.ts';
import type { SyncTarget } from '../sync/job.ts';
import { isAlive } from './is-alive.ts';
import { readKeyPair, readPem } from './key-pair.ts';
import { type Store, openStore } from './open-store.ts';
import type { TlsSettings } from './undici-agent.ts';
import { UndiciSend } from './undici-send.ts';

export interface SessionOptions {
  readonly config: Config;
  /** Logins that are kept on this machine, for registries whose configuration has none. */
  readonly credentials: CredentialStore;
  /** The proxies that the environment names; without it there are only those of the configuration. */
  readonly proxies?: ProxyEnvironment | undefined;
  /** What this machine remembers of pulls; without it the session knows only what it sees. The session closes it. */
  readonly journal?: Journal | undefined;
  /** Clients wait for each answer: no pause of an upstream is waited for, and no pulls are kept back from them. */
  readonly isServing?: boolean | undefined;
}

/** What a session takes over from the one before it, which goes on to own it. */
interface Inheritance {
  readonly store: Promise<Store> | undefined;
  readonly upstreams: ReadonlyMap<string, Upstream>;
}

/** There is always the authority: a mirror that asks for more patience is passed over. */
const LONGEST_MIRROR_PAUSE_MS = 3_000;
const LONGEST_PAUSE_FOR_CLIENTS_MS = 3_000;

/** Everything one command works with. Dispose of it to close its connections. */
export class Session implements AsyncDisposable {
  readonly config: Config;
  /** By way of what the environment says. */
  readonly network: Network;
  readonly #send: UndiciSend;
  readonly #proxies: ProxyEnvironment | undefined;
  /** By the proxy that was chosen. */
  readonly #networks = new Map<string | undefined, Network>();
  /** Logins that are kept on this machine. */
  readonly credentials: CredentialStore;
  readonly journal: Journal | undefined;
  readonly #tls = new Map<string, TlsSettings>();
  readonly #rates = new Map<string, number>();
  readonly #upstreams = new Map<string, Upstream>();
  readonly #isServing: boolean;
  readonly #isHeir: boolean;
  readonly #seenHosts: SeenHosts | undefined;
  #store: Promise<Store> | undefined;

  constructor(options: SessionOptions, inherited?: Inheritance) {
    const { config, credentials, proxies, journal, isServing = false } = options;
    this.config = config;
    this.credentials = credentials;
    this.#isServing = isServing;
    this.journal = journal;
    this.#seenHosts = journal && new SeenHosts(journal);
    this.#isHeir = inherited !== undefined;
    this.#store = inherited?.store;
    for (const [name, upstream] of inherited?.upstreams ?? []) this.#upstreams.set(name, upstream);
    this.#send = new UndiciSend({ tls: this.#tls });
    this.#proxies = proxies;
    this.network = this.#networkBy(undefined);
  }

  /**
   * The same journal, store and logins under another configuration. Upstreams whose settings are what they were stay the
   * same objects, with all that is known of them; the others get connections of their own. What is under way at the old
   * ones comes to its end there, and their connections close when nobody has used them for a while: nobody disposes of
   * the heir, and of this one only when all is over.
   */
  successor(config: Config): Session {
    const { credentials, journal } = this;
    const proxies = this.#proxies;
    const kept = [...this.#upstreams].filter(([name]) =>
      isDeepStrictEqual(config.upstreams.get(name), this.config.upstreams.get(name)),
    );
    const inherited = { store: this.#store, upstreams: new Map(kept) };
    return new Session({ config, credentials, proxies, journal, isServing: this.#isServing }, inherited);
  }

  /** For what is sent to other places than registries, by way of what the environment says. */
  get send(): Send {
    return this.#send.through(proxyChoice(undefined, this.#proxies));
  }

  /** A configured upstream. Throws UsageError for any other name. */
  upstream(name: string): Upstream {
    const known = this.#upstreams.get(name);
    if (known !== undefined) return known;
    const config = this.config.upstreams.get(name);
    if (config === undefined) {
      const names = [...this.config.upstreams.keys()].join(', ');
      throw new UsageError(`"${name}" is not a configured upstream; there are ${names === '' ? 'none' : names}`);
    }
    const upstream = this.#buildUpstream(config);
    this.#upstreams.set(name, upstream);
    return upstream;
  }

  /** A registry that a person named, with the login that is kept for it. */
  registry(
    endpoint: EndpointConfig,
    name = new URL(endpoint.url).host,
    { isTarget = false }: { readonly isTarget?: boolean } = {},
  ): RemoteRegistry {
    this.#prepare(endpoint);
    const { credentials, realms, proxy } = endpoint;
    const url = new URL(endpoint.url);
    return new RemoteRegistry({
      name,
      url,
      network: this.#networkBy(proxy),
      realms,
      credentials: () => this.#login(url, credentials),
      isTarget,
    });
  }

  /** For a registry of whatever product: only a Harbor is told anything. The login is what the registry is pushed to with. */
  projects(endpoint: EndpointConfig): ProjectCreator {
    const url = new URL(endpoint.url);
    const credentials = () => this.#login(url, endpoint.credentials);
    return new HarborProjects({ url, network: this.#networkBy(endpoint.proxy), traffic: new Traffic(), credentials });
  }

  /** Where a job copies to. */
  async target(config: TargetConfig, { name: job, from }: Pick<SyncJobConfig, 'name' | 'from'>): Promise<SyncTarget> {
    if (config.kind === 'store') {
      const store = await this.store();
      // Names of the default upstream are the store's own; those of others are told apart by their upstream.
      const template = from === this.config.defaultUpstream ? '{repository}' : `${folderOf(from)}/{repository}`;
      const registry = new StoredTargets({ ...store, upstream: from, job });
      return { name: 'store', url: 'store:', template, registry };
    }
    const registry = this.registry(config.endpoint, undefined, { isTarget: true });
    const { endpoint, createProjects, repository: template } = config;
    const projects = createProjects ? this.projects(endpoint) : undefined;
    return { name: registry.name, url: registry.url.href, template, registry, projects };
  }

  /** Our own store, opened once; the session closes it. */
  store(): Promise<Store> {
    const { dataFolder, immutableTags } = this.config;
    this.#store ??= openStore(dataFolder, { immutable: immutableTags.map(parsePattern) });
    return this.#store;
  }

  /** Where the content of our own store came from: `target` backwards. */
  repairSource(): RepairSource {
    const { upstreams, defaultUpstream } = this.config;
    return {
      repository: (name, upstream) => {
        const prefix = upstream === defaultUpstream ? '' : `${folderOf(upstream)}/`;
        if (!upstreams.has(upstream) || !name.startsWith(prefix)) return undefined;
        return this.upstream(upstream).repository(parseRepositoryName(name.slice(prefix.length)));
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send[Symbol.asyncDispose]();
    if (this.#isHeir) return;
    await (await this.#store)?.[Symbol.asyncDispose]();
    this.journal?.[Symbol.dispose]();
  }

  #buildUpstream(config: UpstreamConfig): Upstream {
    const { name, credentials, realms, hubApi, reservedPulls } = config;
    this.#prepare(config);
    const url = new URL(config.url);
    const network = this.#networkBy(config.proxy);
    const longestPauseMs = this.#isServing ? LONGEST_PAUSE_FOR_CLIENTS_MS : undefined;
    const registry = new RemoteRegistry({
      name,
      url,
      network,
      realms,
      credentials: () => this.#login(url, credentials),
      ledger: this.#ledger(name, this.#isServing ? 0 : reservedPulls, credentials),
      longestPauseMs,
      onRedirect: this.#seenHosts && ((host) => this.#seenHosts?.note(name, host)),
    });
    const api =
      hubApi === undefined ? undefined : new HubApi({ url: new URL(hubApi), network, traffic: registry.traffic });
    if (hubApi !== undefined) this.#limitRate(new URL(hubApi).host, undefined, false);
    const mirrors = config.mirrors.map((mirror) => this.#buildMirror(mirror));
    // Only asked where there is a mirror that a private repository must not be named to.
    const anonymous = new RemoteRegistry({ name, url, network, longestPauseMs });
    const paid = this.journal && new PaidManifests(this.config.dataFolder, { clock: systemClock });
    const memory = this.journal && new ResolvedTags(this.journal, `${name} at ${hubApi ?? config.url}`);
    return new Upstream({ name, registry, hubApi: api, template: config.repository, mirrors, anonymous, paid, memory });
  }

  // An account is an upstream's and a login's. One that is only stored on this machine is told apart by what the
  // upstream says of whom it charges.
  #ledger(upstream: string, reserve: number, credentials: EndpointConfig['credentials']): PullLedger {
    const { journal } = this;
    if (journal === undefined) return new ProcessPullLedger(systemClock, { reserve });
    const login = typeof credentials === 'object' ? credentials.username : undefined;
    return new DiskPullLedger({ journal, upstream, login, reserve, pid: process.pid, isAlive });
  }

  #buildMirror(config: MirrorConfig): Mirror {
    this.#prepare(config);
    const { url: address, credentials, realms, proxy, repository, repositories } = config;
    const url = new URL(address);
    const registry = new RemoteRegistry({
      name: address,
      url,
      network: this.#networkBy(proxy),
      realms,
      credentials: () => this.#login(url, credentials),
      longestPauseMs: LONGEST_MIRROR_PAUSE_MS,
    });
    return new Mirror({
      registry,
      template: repository,
      repositories: repositories.map(parsePattern),
      for: config.for,
    });
  }

  // Asked for by the host that will see it: an upstream that was moved elsewhere does not take its login along.
  async #login({ host }: URL, configured: EndpointConfig['credentials']): Promise<Credentials | undefined> {
    if (configured === 'anonymous') return undefined;
    if (configured !== undefined && 'exec' in configured) return await execLogin(configured, host);
    return configured ?? (await this.credentials.find(host));
  }

  /**
   * All that an endpoint leads to goes its way: its token servers, its web API, and where its blobs are. An origin has a
   * record of its health for each way to it, so that a proxy that is down speaks for itself alone.
   */
  #networkBy(proxy: string | undefined): Network {
    const known = this.#networks.get(proxy);
    if (known !== undefined) return known;
    const chooseProxy = proxyChoice(proxy, this.#proxies);
    const send = this.#send.through(chooseProxy);
    // Names that a proxy resolves may mean something else here, or nothing after a long wait.
    const resolve: ResolveHost = (url) => (chooseProxy(url) === undefined ? resolveHost(url) : Promise.resolve([]));
    const network = new Network({ send, clock: systemClock, rates: this.#rates, resolveHost: resolve });
    this.#networks.set(proxy, network);
    return network;
  }

  // What an origin needs is settled before its first connection.
  #prepare({ url, caFile, insecure, clientCertificate, ratePerSecond, credentials }: EndpointConfig): void {
    const { origin, host } = new URL(url);
    this.#limitRate(host, ratePerSecond, credentials !== undefined && credentials !== 'anonymous');
    if (caFile === undefined && clientCertificate === undefined && !insecure) return;
    const own = clientCertificate && readKeyPair(clientCertificate);
    this.#tls.set(origin, { insecure, ca: caFile && readPem('certificates', caFile), own });
  }

  #limitRate(host: string, configured: number | undefined, hasLogin: boolean): void {
    const rate = configured ?? builtInRatePerSecond(host, hasLogin);
    if (rate !== undefined) this.#rates.set(host, rate);
  }
}

// A name that cannot be resolved is no reason to trust what it leads to.
async function resolveHost({ hostname }: URL): Promise<readonly string[]> {
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
