// Health, metrics and the state of a server, on a listener of its own.
import { systemClock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { adminHandler } from '../http/admin/admin-handler.ts';
import type { HostedRegistry } from '../http/distribution/hosted-repository.ts';
import type { RequestLine } from '../http/exchange.ts';
import type { HttpServer } from '../http/node.ts';
import type { Fills } from '../content/filling/fills.ts';
import type { Log } from '../observe/log.ts';
import type { PullMetrics } from '../observe/pull-metrics.ts';
import type { RequestMetrics } from '../observe/request-metrics.ts';
import { listUpstreams } from './list-upstreams.ts';
import { openMetrics } from './metrics.ts';
import { isThisMachine } from './check-exposure.ts';
import type { ServedAccounts } from './open-accounts.ts';
import { openServer } from './open-server.ts';
import type { Store } from './open-store.ts';
import { probeStore } from './probe-store.ts';
import { Readiness } from './readiness.ts';
import { refreshTag } from './refresh-tag.ts';
import type { ServedUpstream } from './served-registry.ts';
import { storeFigures } from './store-figures.ts';

export interface AdminOptions {
  readonly address: ListenAddress;
  readonly log: Log;
  /** How many lines of the log nobody took. */
  readonly lostLogLines: () => number;
  readonly accounts: Pick<ServedAccounts, 'forAdmins'>;
}

/** What it tells of. */
export interface AdministeredServer {
  readonly dataFolder: string;
  readonly store: Store;
  readonly requests: RequestMetrics;
  readonly pulls: PullMetrics;
  readonly fills: Pick<Fills, 'figures'>;
  readonly registry: HostedRegistry;
  readonly upstreams: ReadonlyMap<string, ServedUpstream>;
  readonly defaultUpstream: string | undefined;
}

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
  static async open(
    { address, log, lostLogLines, accounts }: AdminOptions,
    served: AdministeredServer,
  ): Promise<AdminServer> {
    const { dataFolder, store, requests, pulls, fills } = served;
    const upstreams = [...served.upstreams.values()].map(({ upstream }) => upstream);
    const now = () => systemClock.now();
    const refreshing = { ...served, metadata: store.metadata, now };
    const readiness = new Readiness({ probe: () => probeStore(store), clock: systemClock, log });
    const metrics = openMetrics({
      requests,
      lostLogLines,
      store: storeFigures(dataFolder, store),
      pulls,
      fills,
      upstreams,
      now,
    });
    const answer = adminHandler({
      whyNotReady: () => readiness.whyNot(),
      metrics: async () => ({ contentType: metrics.contentType, text: await metrics.metrics() }),
      upstreams: () => listUpstreams(upstreams, now()),
      refresh: (reference, request) => refreshTag(reference, request, refreshing),
    });
    const handler = isThisMachine(address) ? answer : accounts.forAdmins(answer);
    const onFinished = (line: RequestLine) => logRequest(log, line);
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
