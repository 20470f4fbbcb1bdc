// What the requests of one isolate share. Plain values alone: a promise or a stream belongs to the request that began it,
// and whoever else waited for it would wait for ever once that client has left.
import { systemClock } from '../async/clock.ts';
import type { EndpointConfig, MirrorConfig, UpstreamConfig } from '../config/config.ts';
import { parsePattern } from '../oci/pattern.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { RepositoryNames } from '../pull-through/which-repository.ts';
import type { Credentials } from '../remote/credentials.ts';
import { Mirror, MirrorMemory } from '../remote/mirror.ts';
import { Network } from '../remote/network.ts';
import { ProcessPullLedger } from '../remote/pull-ledger.ts';
import { RegistryMemory } from '../remote/registry-memory.ts';
import { RemoteRegistry } from '../remote/remote-registry.ts';
import type { Send } from '../remote/send.ts';
import { Upstream } from '../remote/upstream.ts';
import type { WorkerSettings } from './bindings.ts';

/** A client waits: a source that wants more patience than this is passed over, or its word is passed on. */
const LONGEST_PAUSE_MS = 1_000;

export class Isolate {
  readonly settings: WorkerSettings;
  readonly names: RepositoryNames;
  readonly #hosts: ReadonlySet<string>;
  readonly #memories = new Map<string, UpstreamMemory>();

  constructor(settings: WorkerSettings) {
    const { upstreams, defaultUpstream, serverNames } = settings;
    this.settings = settings;
    this.names = new RepositoryNames({ upstreams: upstreams.values(), defaultUpstream, serverNames });
    this.#hosts = new Set([...serverNames, ...[...upstreams.values()].flatMap(({ hosts }) => hosts)]);
  }

  /** Whether it may be reached by that name. */
  isServedAt(host: string): boolean {
    const written = host.toLowerCase();
    return (
      this.settings.serverNames.length === 0 ||
      this.#hosts.has(written) ||
      this.#hosts.has(written.replace(/:\d+$/, ''))
    );
  }

  /** An upstream as one request asks it. */
  upstream(config: UpstreamConfig, send: Send): Upstream {
    const known = this.#memories.get(config.name) ?? new UpstreamMemory(config);
    this.#memories.set(config.name, known);
    return known.upstream(new Network({ send, clock: systemClock }));
  }
}

class UpstreamMemory {
  readonly #config: UpstreamConfig;
  readonly #registry = new RegistryMemory();
  readonly #anonymous = new RegistryMemory();
  readonly #ledger = new ProcessPullLedger(systemClock);
  readonly #publicity = new Map<RepositoryName, boolean>();
  readonly #mirrors: readonly {
    readonly config: MirrorConfig;
    readonly mirror: MirrorMemory;
    registry: RegistryMemory;
  }[];

  constructor(config: UpstreamConfig) {
    this.#config = config;
    this.#mirrors = config.mirrors.map((mirror) => ({
      config: mirror,
      mirror: new MirrorMemory(),
      registry: new RegistryMemory(),
    }));
  }

  upstream(network: Network): Upstream {
    const { name, repository: template } = this.#config;
    const registryAt = (config: EndpointConfig, memory: RegistryMemory, login = loginOf(config)) =>
      new RemoteRegistry({
        name,
        url: new URL(config.url),
        network,
        realms: config.realms,
        credentials: () => Promise.resolve(login),
        ledger: memory === this.#registry ? this.#ledger : undefined,
        longestPauseMs: LONGEST_PAUSE_MS,
        memory,
      });
    return new Upstream({
      name,
      registry: registryAt(this.#config, this.#registry),
      template,
      mirrors: this.#mirrors.map(
        ({ config, mirror, registry }) =>
          new Mirror({
            registry: registryAt(config, registry),
            template: config.repository,
            repositories: config.repositories.map(parsePattern),
            for: config.for,
            memory: mirror,
          }),
      ),
      anonymous: registryAt({ ...this.#config, credentials: 'anonymous' }, this.#anonymous),
      publicity: this.#publicity,
    });
  }
}

function loginOf({ credentials }: EndpointConfig): Credentials | undefined {
  return typeof credentials === 'object' && 'password' in credentials ? credentials : undefined;
}
