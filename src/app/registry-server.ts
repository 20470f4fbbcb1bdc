// `wharf serve`: our own repositories and those of the upstreams, on every address that it is to listen on.
import { systemClock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { clientAddress, notingClient } from '../http/client-address.ts';
import type { HttpHandler, HttpRequest } from '../http/distribution/request.ts';
import type { RequestLine } from '../http/exchange.ts';
import { Limiter } from '../http/limits/limiter.ts';
import type { HttpServer } from '../http/node.ts';
import type { Log } from '../observe/log.ts';
import { PullMetrics } from '../observe/pull-metrics.ts';
import { RequestMetrics } from '../observe/request-metrics.ts';
import type { Lie } from '../sync/report.ts';
import type { PullEvents } from '../pull-through/pull-events.ts';
import { AdminServer } from './admin-server.ts';
import { auditRequest } from './audit-log.ts';
import { checkExposure } from './check-exposure.ts';
import { CurrentConfiguration } from './current-configuration.ts';
import type { ReloadOutcome } from './config-reload.ts';
import type { StartJob } from './job-process.ts';
import { notificationOfLie } from './notification.ts';
import { Notifier } from './notifier.ts';
import { openCache } from './open-cache.ts';
import { openListeners } from './open-listeners.ts';
import { urlOfServer } from './open-server.ts';
import { PullLog } from './pull-log.ts';
import { type ServedJobs, serveJobs } from './served-jobs.ts';
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
  /** Without it nothing runs by a schedule. */
  readonly startJob?: StartJob | undefined;
  /** Counted elsewhere. */
  readonly reloads?: Readonly<Record<ReloadOutcome, number>> | undefined;
}

const NO_RELOADS: Readonly<Record<ReloadOutcome, number>> = { applied: 0, refused: 0 };

interface ServerParts {
  readonly servers: readonly HttpServer[];
  readonly admin: AdminServer | undefined;
  readonly configuration: CurrentConfiguration;
  readonly jobs: ServedJobs | undefined;
}

export class RegistryServer implements AsyncDisposable {
  readonly #parts: ServerParts;
  readonly #opened: AsyncDisposableStack;

  private constructor(parts: ServerParts, opened: AsyncDisposableStack) {
    this.#parts = parts;
    this.#opened = opened;
  }

  /**
   * Throws UsageError when the data folder cannot be used, an address cannot be listened on, or what it would show to
   * others nobody has agreed to. Asks no upstream anything: it starts, and serves what it has, when all of them are down.
   */
  static async open(options: RegistryServerOptions): Promise<RegistryServer> {
    const { session, log, onRequest, lostLogLines, startJob, reloads = NO_RELOADS } = options;
    await using opened = new AsyncDisposableStack();
    opened.use(session);
    const { config } = session;
    const { dataFolder } = config;
    await checkExposure(config, session.credentials);
    const store = await session.store();
    const [requests, pulls] = [new RequestMetrics(), new PullMetrics()];
    const cache = opened.use(await openCache({ config, store, log, events: pullEvents(pulls, log) }));
    const configuration = opened.use(await CurrentConfiguration.open({ session, store, cache, log }));
    const current = () => configuration.served;
    const upstreams = () => [...current().upstreams.values()].map(({ upstream }) => upstream);
    const webhooks = () => current().config.notify;
    const notifier = opened.use(new Notifier({ webhooks, send: session.send, log, clock: systemClock }));
    const onLie = (lie: Lie) => notifier.notify(notificationOfLie(lie, systemClock.now()));
    opened.use(new UpstreamWatch({ upstreams, log, clock: systemClock, onLie }).begin());
    const { journal } = session;
    const jobs =
      startJob &&
      journal &&
      opened.use(
        serveJobs({ config: () => current().config, start: startJob, journal, notifier, log, clock: systemClock }),
      );
    const limiter = new Limiter({ ...config.limits, clock: systemClock });
    const administered = {
      dataFolder,
      store,
      requests,
      limiter,
      pulls,
      fills: cache.fills,
      current,
      jobs,
      notifier,
      reloads,
    };
    const admin = config.admin && { address: config.admin, log, lostLogLines: lostLogLines ?? (() => 0) };
    const adminServer = admin && opened.use(await AdminServer.open(admin, administered));
    const handler = counted(
      requests,
      notingClient(() => current().trustedProxies, configuration.handler),
    );
    const onFinished = (line: RequestLine) => {
      requests.finish(line);
      onRequest(line);
      auditRequest(log, line);
    };
    const clientOf = (request: HttpRequest) => clientAddress(request, current().trustedProxies);
    const isProxy = (address: string) => current().trustedProxies.has(address);
    const { servers } = opened.use(
      await openListeners({ config, limiter, handler, onFinished, log, clientOf, isProxy }),
    );
    return new RegistryServer({ servers, admin: adminServer, configuration, jobs }, opened.move());
  }

  /** With the ports that were taken where any were asked for. */
  get addresses(): readonly ListenAddress[] {
    return this.#parts.servers.map(({ address }) => address);
  }

  /** `http://127.0.0.1:5000`, `https://…` or `unix:/path`. */
  get urls(): readonly string[] {
    return this.#parts.servers.map(urlOfServer);
  }

  get adminAddress(): ListenAddress | undefined {
    return this.#parts.admin?.address;
  }

  /**
   * Serves another configuration from the next request on; one call at a time. Gives the settings that differ and take
   * a restart. Throws UsageError for what cannot be used, and goes on as before.
   */
  reconfigure(config: Config): Promise<readonly string[]> {
    return this.#parts.configuration.replace(config);
  }

  /**
   * Lets requests end that last no longer than so, and meanwhile tells that it is not ready. Gives how many would not
   * end although they were cut off: what they still try fails, as the store is closed.
   */
  async close(graceMs: number): Promise<number> {
    this.#parts.admin?.announceStop();
    const jobsOver = this.#parts.jobs?.[Symbol.asyncDispose]();
    const running = await Promise.all(this.#parts.servers.map((server) => server.close(graceMs)));
    await jobsOver;
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
