// Health, metrics and the state of a server, on a listener of its own.
import { systemClock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { adminHandler } from '../http/admin/admin-handler.ts';
import type { AdministeredJobs } from '../http/admin/admin-subject.ts';
import { notingClient } from '../http/client-address.ts';
import { namedByLoopback } from '../http/admin/named-by-loopback.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import type { RequestLine } from '../http/exchange.ts';
import type { Limiter } from '../http/limits/limiter.ts';
import type { HttpServer } from '../http/node.ts';
import type { Fills } from '../content/filling/fills.ts';
import type { Log } from '../observe/log.ts';
import type { PullMetrics } from '../observe/pull-metrics.ts';
import type { RequestMetrics } from '../observe/request-metrics.ts';
import { auditAdminRequest } from './audit-log.ts';
import { listUpstreams } from './list-upstreams.ts';
import { openMetrics } from './metrics.ts';
import { isThisMachine } from './check-exposure.ts';
import { openServer } from './open-server.ts';
import type { Store } from './open-store.ts';
import { probeStore } from './probe-store.ts';
import { Readiness } from './readiness.ts';
import { refreshTag } from './refresh-tag.ts';
import type { Notifier } from './notifier.ts';
import type { ReloadOutcome } from './config-reload.ts';
import type { ServedJobs } from './served-jobs.ts';
import type { ServedConfiguration } from './served-configuration.ts';
import { storeFigures } from './store-figures.ts';

export interface AdminOptions {
  readonly address: ListenAddress;
  readonly log: Log;
  /** How many lines of the log nobody took. */
  readonly lostLogLines: () => number;
}

/** What it tells of. */
export interface AdministeredServer {
  readonly dataFolder: string;
  readonly store: Store;
  readonly requests: RequestMetrics;
  readonly limiter: Pick<Limiter, 'refused'>;
  readonly pulls: PullMetrics;
  readonly fills: Pick<Fills, 'figures'>;
  /** What is served at the moment. */
  readonly current: () => ServedConfiguration;
  readonly jobs: ServedJobs | undefined;
  readonly notifier: Notifier;
  readonly reloads: Readonly<Record<ReloadOutcome, number>>;
}

/** Of a server that starts none. */
const NO_JOBS: AdministeredJobs = { list: () => [], find: () => undefined, command: () => undefined };

/** Its requests are short. */
const GRACE_MS = 1000;

export class AdminServer implements AsyncDisposable {
  readonly #server: HttpServer;
  readonly #readiness: Readiness;

  private constructor(server: HttpServer, readiness: Readiness) {
    this.#server = server;
    this.#readiness = readiness;
  }

  /** Throws UsageError when the address cannot be listened on. */
  static async open({ address, log, lostLogLines }: AdminOptions, served: AdministeredServer): Promise<AdminServer> {
    const { dataFolder, store, requests, limiter, pulls, fills, current, jobs, notifier, reloads } = served;
    const { metadata } = store;
    const upstreams = () => [...current().upstreams.values()].map(({ upstream }) => upstream);
    const now = () => systemClock.now();
    const readiness = new Readiness({ probe: () => probeStore(store), clock: systemClock, log });
    const metrics = openMetrics({
      requests,
      limiter,
      lostLogLines,
      store: storeFigures(dataFolder, store),
      pulls,
      fills,
      upstreams,
      now,
      jobs: jobs ?? { counts: [], running: 0 },
      notifications: notifier.counts,
      reloads,
    });
    const answer = adminHandler({
      whyNotReady: () => readiness.whyNot(),
      metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
      upstreams: () => listUpstreams(upstreams(), now()),
      refresh: (reference, request) => refreshTag(reference, request, { ...current(), metadata, now }),
      jobs: jobs?.administration ?? NO_JOBS,
    });
    // Who may do this is what the accounts of the moment say.
    const forAdmins: HttpHandler = (request) => current().accounts.forAdmins(answer)(request);
    const handler = notingClient(
      () => current().trustedProxies,
      isThisMachine(address) ? namedByLoopback(answer) : forAdmins,
    );
    const onFinished = (line: RequestLine) => {
      logRequest(log, line);
      auditAdminRequest(log, line);
    };
    const advice = 'health and metrics are to be there; choose another with --admin, or --admin off';
    return new AdminServer(await openServer({ address, handler, onFinished }, advice), readiness);
  }

  /** With the port that was taken where any was asked for. */
  get address(): ListenAddress {
    return this.#server.address;
  }

  /** From now on it tells that the server is not ready. */
  announceStop(): void {
    this.#readiness.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close(GRACE_MS);
  }
}

// Probes come every few seconds.
function logRequest(log: Log, { path, status, error }: RequestLine): void {
  if (status < 500 || !(error instanceof Error)) log.debug('admin request', { path, status });
  else log.error('admin request', { path, status, error: error.message, stack: error.stack });
}
