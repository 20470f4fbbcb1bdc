// `wharf serve`: a registry of our own, on every address that it is to listen on.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import type { HostedRegistry } from '../http/distribution/hosted-repository.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import { HttpServer, type RequestLine } from '../http/node.ts';
import { OciError } from '../oci/errors.ts';
import { type Pattern, parsePattern } from '../oci/pattern.ts';
import { UsageError } from '../oci/usage-error.ts';
import { openStore } from './open-store.ts';

export interface RegistryServerOptions {
  readonly config: Pick<Config, 'dataFolder' | 'listen' | 'hosted'>;
  readonly onRequest: (line: RequestLine) => void;
}

export class RegistryServer implements AsyncDisposable {
  readonly #servers: readonly HttpServer[];
  readonly #opened: AsyncDisposableStack;

  private constructor(servers: readonly HttpServer[], opened: AsyncDisposableStack) {
    this.#servers = servers;
    this.#opened = opened;
  }

  /** Throws UsageError when the data folder cannot be used, or an address cannot be listened on. */
  static async open({ config, onRequest }: RegistryServerOptions): Promise<RegistryServer> {
    await using opened = new AsyncDisposableStack();
    const { dataFolder, listen, hosted } = config;
    const { registry } = opened.use(await openStore(dataFolder));
    const handler = registryHandler(new HostedNames(registry, hosted.map(parsePattern)));
    const servers: HttpServer[] = [];
    for (const address of listen) {
      const options = { address, handler, clock: systemClock, newId: randomUUID, onFinished: onRequest };
      servers.push(opened.use(await openServer(options)));
    }
    return new RegistryServer(servers, opened.move());
  }

  /** With the ports that were taken where any were asked for. */
  get addresses(): readonly ListenAddress[] {
    return this.#servers.map(({ address }) => address);
  }

  /** Lets requests end that last no longer than so. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close(graceMs)));
    await this.#opened.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }
}

/** The repositories that are our own, by their names; there are no others yet. */
class HostedNames implements HostedRegistry {
  readonly #registry: HostedRegistry;
  readonly #hosted: readonly Pattern[];

  constructor(registry: HostedRegistry, hosted: readonly Pattern[]) {
    this.#registry = registry;
    this.#hosted = hosted;
  }

  repository(...[name]: Parameters<HostedRegistry['repository']>) {
    if (this.#hosted.some((pattern) => pattern.matchesName(name))) return this.#registry.repository(name);
    throw new OciError('NAME_UNKNOWN', `${name} is not a name that this registry hosts`);
  }

  listRepositories(...args: Parameters<HostedRegistry['listRepositories']>) {
    return this.#registry.listRepositories(...args);
  }
}

async function openServer(options: Parameters<typeof HttpServer.open>[0]): Promise<HttpServer> {
  try {
    return await HttpServer.open(options);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const address = describeAddress(options.address);
    throw new UsageError(`${address} cannot be listened on (${error.message}); choose another with --listen`, {
      cause: error,
    });
  }
}

/** `http://127.0.0.1:5000`, or `unix:/path`. */
export function describeAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host = '0.0.0.0', port } = address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
