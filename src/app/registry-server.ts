// `wharf serve`: our own repositories and those of the upstreams, on every address that it is to listen on.
import { systemClock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { unknownClients } from '../http/auth/unknown-client.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import type { RequestLine } from '../http/exchange.ts';
import type { HttpServer } from '../http/node.ts';
import type { Log } from '../observe/log.ts';
import { PullMetrics } from '../observe/pull-metrics.ts';
import { RequestMetrics } from '../observe/request-metrics.ts';
import { parsePattern } from '../oci/pattern.ts';
import type { PullEvents } from '../pull-through/pull-events.ts';
import { AdminServer } from './admin-server.ts';
import { checkExposure } from './check-exposure.ts';
import { openAccounts } from './open-accounts.ts';
import { openCache } from './open-cache.ts';
import { openServer } from './open-server.ts';
import { PullLog } from './pull-log.ts';
import { ServedRegistry } from './served-registry.ts';
import { servedUpstreams } from './served-upstreams.ts';
import type { Session } from './session.ts';
import { UpstreamWatch } from './upstream-watch.ts';

export { describeAddress } from './open-server.ts';

export interface RegistryServerOptions {
  /** The server closes it. */
  readonly session: Session;
  readonly log: Log;
  readonly onRequest: (line: RequestLine) => void;
  /** How many lines of the log nobody took. */
  readonly lostLogLines?: (() => number) | undefined;
}

export class RegistryServer implements AsyncDisposable {
  readonly #servers: readonly HttpServer[];
  readonly #admin: AdminServer | undefined;
  readonly #opened: AsyncDisposableStack;

  private constructor(servers: readonly HttpServer[], admin: AdminServer | undefined, opened: AsyncDisposableStack) {
    this.#servers = servers;
    this.#admin = admin;
    this.#opened = opened;
  }

  /**
   * Throws UsageError when the data folder cannot be used, an address cannot be listened on, or what it would show to
   * others nobody has agreed to. Asks no upstream anything: it starts, and serves what it has, when all of them are down.
   */
  static async open({ session, log, onRequest, lostLogLines }: RegistryServerOptions): Promise<RegistryServer> {
    await using opened = new AsyncDisposableStack();
    opened.use(session);
    const { config } = session;
    const { dataFolder, listen, hosted, defaultUpstream, externalUrl } = config;
    await checkExposure(config, session.credentials);
    const store = await session.store();
    const [requests, pulls] = [new RequestMetrics(), new PullMetrics()];
    const upstreams = await servedUpstreams(session);
    const watched = [...upstreams.values()].map(({ upstream }) => upstream);
    opened.use(new UpstreamWatch({ upstreams: watched, log, clock: systemClock }).begin());
    const { pullThrough, fills } = opened.use(await openCache({ config, store, log, events: pullEvents(pulls, log) }));
    const ownNames = externalUrl === undefined ? [] : [new URL(externalUrl).host];
    const accounts = opened.use(openAccounts({ config, log }));
    const parts = {
      store,
      pullThrough,
      upstreams,
      defaultUpstream,
      serverNames: [...config.serverNames, ...ownNames],
      hosted: hosted.map(parsePattern),
    };
    const registry = new ServedRegistry({ ...parts, clients: accounts.clients });
    // Who reaches the admin listener has been let in there.
    const administered = new ServedRegistry({ ...parts, clients: unknownClients({ mayWrite: true }) });
    const served = { dataFolder, store, requests, pulls, fills, registry: administered, upstreams, defaultUpstream };
    const admin = config.admin && { address: config.admin, log, lostLogLines: lostLogLines ?? (() => 0), accounts };
    const adminServer = admin && opened.use(await AdminServer.open(admin, served));
    const handler = counted(requests, accounts.withLogin(registry, registryHandler(registry)));
    const onFinished = (line: RequestLine) => {
      requests.finish(line);
      onRequest(line);
    };
    const servers: HttpServer[] = [];
    for (const address of listen) {
      const server = await openServer({ address, handler, onFinished }, 'choose another with --listen');
      servers.push(opened.use(server));
    }
    return new RegistryServer(servers, adminServer, opened.move());
  }

  /** With the ports that were taken where any were asked for. */
  get addresses(): readonly ListenAddress[] {
    return this.#servers.map(({ address }) => address);
  }

  get adminAddress(): ListenAddress | undefined {
    return this.#admin?.address;
  }

  /**
   * Lets requests end that last no longer than so, and meanwhile tells that it is not ready. Gives how many would not
   * end although they were cut off: what they still try fails, as the store is closed.
   */
  async close(graceMs: number): Promise<number> {
    this.#admin?.announceStop();
    const running = await Promise.all(this.#servers.map((server) => server.close(graceMs)));
    await this.#opened.disposeAsync();
    return running.reduce((sum, count) => sum + count, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }
}

/** Each request comes to the handler once, and once to whoever is told of its end. */
function counted(requests: RequestMetrics, handler: HttpHandler): HttpHandler {
  return (request) => {
    requests.begin();
    return handler(request);
  };
}

function pullEvents(pulls: PullMetrics, log: Log): Omit<PullEvents, 'used'> {
  const told = new PullLog({ log, clock: systemClock });
  return {
    count(outcome, pulled, reason) {
      pulls.count(outcome, pulled);
      told.count(outcome, pulled, reason);
    },
    notKept: (repository, error) => told.notKept(repository, error),
  };
}
