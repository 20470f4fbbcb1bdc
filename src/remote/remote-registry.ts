import { Traffic, type RequestKind } from '../observe/traffic.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { apiUrl } from './api-url.ts';
import { Authorizer } from './authorizer.ts';
import type { Credentials } from './credentials.ts';
import { errorFromAnswer } from './error-answer.ts';
import { foreignReach } from './foreign-reach.ts';
import type { Network } from './network.ts';
import { type PullLedger, type PullPayer, ProcessPullLedger, noPullsLeft } from './pull-ledger.ts';
import { DEFAULT_WINDOW_SECONDS, parsePullLimit } from './pull-limit.ts';
import { isRedirect, redirectTarget } from './redirects.ts';
import { RegistryMemory } from './registry-memory.ts';
import { RemoteError } from './remote-error.ts';
import { RemoteRepository } from './remote-repository.ts';
import type { Reach, SendRequest, SendResponse } from './send.ts';
import type { Place } from './source-health.ts';

export interface RemoteRegistryOptions {
  /** What reports and messages call it: `docker.io`, `registry.example.com`. */
  readonly name: string;
  /** The origin that serves `/v2/`; written by a person, so trusted. */
  readonly url: URL;
  readonly network: Network;
  /** Asked when the registry first wants a login, when its lifetime is over, and when it was refused. */
  readonly credentials?: (() => Promise<Credentials | undefined>) | undefined;
  readonly realms?: readonly string[] | undefined;
  readonly ledger?: PullLedger | undefined;
  /** There are other sources of the same: past this a pause is not waited for, and RATE_LIMIT is thrown. */
  readonly longestPauseMs?: number | undefined;
  /** It is copied to: what it would first fetch from elsewhere is not there yet. */
  readonly isTarget?: boolean | undefined;
  /** What another object for the same registry and login has learnt. */
  readonly memory?: RegistryMemory | undefined;
  /** Told of each other host that a redirect leads to. */
  readonly onRedirect?: ((host: string) => void) | undefined;
}

export interface RegistryRequest {
  readonly method: SendRequest['method'];
  readonly url: URL;
  readonly scopes: readonly string[];
  readonly kind: RequestKind;
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly sizeBytes?: number | undefined;
  readonly headersTimeoutMs?: number | undefined;
  readonly maxBodyBytes?: number | undefined;
  readonly place?: Place | undefined;
  /** Who answers for it if it is counted; the registry's ledger where nobody else does. */
  readonly payer?: PullPayer | undefined;
  /** The body goes to somebody else as it comes. */
  readonly isPassedOn?: boolean | undefined;
  /** A redirect is an answer, too, for whoever sends somebody else there. */
  readonly isRedirectWanted?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 5;
const USER_AGENT = 'wharf/0.1 (+https://www.npmjs.com/package/wharf)';

/** One registry over HTTP: its login, its redirects, its traffic. Repositories are views of it. */
export class RemoteRegistry {
  readonly name: string;
  readonly url: URL;
  readonly network: Network;
  readonly traffic = new Traffic();
  readonly ledger: PullLedger;
  /** The repositories that have been pushed to: they are asked for with both rights, so one token serves. */
  readonly pushes = new Set<RepositoryName>();
  readonly #authorizer: Authorizer;
  readonly #longestPauseMs: number | undefined;
  readonly #isTarget: boolean;
  readonly #memory: RegistryMemory;
  readonly #onRedirect: RemoteRegistryOptions['onRedirect'];
  #reach: Promise<Reach> | undefined;

  constructor(options: RemoteRegistryOptions) {
    const { name, url, network, credentials, realms, ledger, longestPauseMs, isTarget = false } = options;
    const { memory = new RegistryMemory() } = options;
    this.name = name;
    this.url = url;
    this.network = network;
    this.#longestPauseMs = longestPauseMs;
    this.#isTarget = isTarget;
    this.#memory = memory;
    this.#onRedirect = options.onRedirect;
    this.ledger = ledger ?? new ProcessPullLedger(network.clock);
    const reach = () => this.#foreignReach();
    this.#authorizer = new Authorizer({
      network,
      url,
      credentials,
      realms,
      reach,
      traffic: this.traffic,
      longestPauseMs,
      memory,
    });
  }

  get host(): string {
    return this.url.host;
  }

  repository(name: RepositoryName): RemoteRepository {
    return new RemoteRepository(this, name);
  }

  /** Whether an answer has said how many pulls are left, or that none are counted. */
  get hasHeardOfPulls(): boolean {
    return this.#memory.hasHeardOfPulls;
  }

  /** When there are pulls again at the latest, in milliseconds since the epoch; `undefined` while some are left. */
  get pullsBackByMs(): number | undefined {
    const nowMs = this.network.clock.now();
    if (this.#memory.refusedUntilMs > nowMs) return this.#memory.refusedUntilMs;
    const { budget } = this.ledger;
    return budget !== undefined && budget.remaining <= 0 && budget.resetsByMs > nowMs ? budget.resetsByMs : undefined;
  }

  /** Whether what is read here is read with a login. */
  async hasLogin(): Promise<boolean> {
    return await this.#authorizer.hasLogin();
  }

  /** Asks for the API's root with our login. Throws what the registry has against it. */
  async checkLogin(call: Call = {}): Promise<void> {
    const what = 'its API root /v2/';
    const response = await this.request({ ...call, method: 'GET', url: this.path(''), scopes: [], kind: 'ping', what });
    if (response.status !== 200) throw await this.errorFrom(response, what);
    await response.body.discard();
  }

  /** A URL below `/v2/`. */
  path(path: string): URL {
    return apiUrl(this.url, path);
  }

  /**
   * Sends a request with the login it needs and follows the redirects of GET and HEAD. Gives any answer but 401, 408,
   * 429 and 5xx, which are thrown as RemoteError. A streamed body is sent once, with a header made beforehand.
   */
  async request(request: RegistryRequest): Promise<SendResponse> {
    for (let isLastTry = false; ; isLastTry = true) {
      const authorization = await this.#authorizer.header(request.scopes, request.signal);
      const response = await this.#follow(request, authorization);
      if (response.status !== 401) return response;
      if (isLastTry) throw await this.errorFrom(response, request.what);
      await this.#authorizer.refused(response, request.scopes, authorization, request.what);
      if (!(request.body instanceof ReadableStream)) continue;
      const message = `asked for the login again in the middle of ${request.what}`;
      throw new RemoteError(this.host, 'BLOB_UPLOAD_INVALID', message, { status: 401 });
    }
  }

  async errorFrom(response: SendResponse, what: string): Promise<RemoteError> {
    return await errorFromAnswer(this.host, response, what, this.network.clock.now());
  }

  #foreignReach(): Promise<Reach> {
    this.#reach ??= foreignReach(this.url, this.network.resolveHost);
    return this.#reach;
  }

  async #follow(request: RegistryRequest, authorization: string | undefined): Promise<SendResponse> {
    let url = request.url;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      const kind = hops === 0 ? request.kind : 'redirect';
      const response = await this.#exchange({ ...request, kind }, url, authorization);
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      const mayFollow = isRead && request.isRedirectWanted !== true;
      // Whoever we were sent on to is not asked for a login, nor believed where to get one.
      if (response.status === 401 && url.origin !== this.url.origin) throw await this.errorFrom(response, request.what);
      if (!mayFollow || !isRedirect(response.status)) return response;
      await response.body.discard();
      url = redirectTarget(response, url, this.host, request.what);
      if (url.host !== this.host) this.#onRedirect?.(url.host);
    }
    throw new RemoteError(
      this.host,
      'NOT_A_REGISTRY',
      `redirects more than ${MAX_REDIRECTS} times for ${request.what}`,
    );
  }

  async #exchange(request: RegistryRequest, url: URL, authorization: string | undefined): Promise<SendResponse> {
    // Only the registry's own origin sees the secret; a redirect, or an upload's Location elsewhere, does not.
    const isOwn = url.origin === this.url.origin;
    const isPull = request.kind === 'manifestGet';
    const isMetered = isOwn && (isPull || request.kind === 'manifestHead');
    const { ledger } = this;
    try {
      const response = await this.network.origin(url).exchange({
        ...request,
        url,
        headers: {
          'user-agent': USER_AGENT,
          'accept-encoding': 'identity',
          // RFC 9111 §5.2.1.7: else a cache of the same upstream would say that it has all that is to be copied there.
          ...(this.#isTarget && isLook(request) && { 'cache-control': 'only-if-cached' }),
          ...request.headers,
          ...(isOwn && authorization !== undefined && { authorization }),
        },
        traffic: this.traffic,
        longestPauseMs: this.#longestPauseMs,
        reach: isOwn ? 'configured' : await this.#foreignReach(),
        beforeAttempt: isMetered
          ? () => this.#beforeMetered(isPull ? (request.payer ?? ledger) : undefined)
          : undefined,
      });
      if (isMetered && response.status < 400) {
        ledger.observed(parsePullLimit(response.headers));
        this.#memory.hasHeardOfPulls = true;
      }
      return response;
    } catch (error) {
      const isRefusal = error instanceof RemoteError && error.code === 'PULL_LIMIT' && error.status !== undefined;
      if (isRefusal) {
        ledger.observed(error.pullLimit);
        ledger.refused();
        this.#memory.refusedUntilMs = this.#endOfWindow(error);
      }
      throw error;
    }
  }

  // A HEAD is free, yet refused like a GET once no pulls are left.
  async #beforeMetered(payer: PullPayer | undefined): Promise<void> {
    if (payer !== undefined && this.#memory.refusedUntilMs <= this.network.clock.now())
      return await payer.spend(this.host);
    const { pullsBackByMs } = this;
    if (pullsBackByMs !== undefined) throw noPullsLeft(this.host, pullsBackByMs);
  }

  #endOfWindow({ retryAfterMs = DEFAULT_WINDOW_SECONDS * 1000 }: RemoteError): number {
    return this.ledger.budget?.resetsByMs ?? this.network.clock.now() + retryAfterMs;
  }
}

/** Whether it asks what is there, and for nothing of it. */
function isLook({ method, kind }: RegistryRequest): boolean {
  return method === 'HEAD' || kind === 'tagList';
}
