// The four hosts of Docker Hub: registry-1.docker.io, auth.docker.io, the CDN and hub.docker.com, each on a port of its own.
import { type Answer, textAnswer } from '../origin/answer.ts';
import type { Faults } from '../origin/faults.ts';
import { type Origin, type OriginOptions, startOrigin } from '../origin/origin.ts';
import type { Request } from '../origin/request.ts';
import { API_VERSION } from '../registry/read.ts';
import { classifyRegistry } from '../registry/route.ts';
import { type Access, TokenService } from '../registry/token-service.ts';
import { BlobCdn } from './blob-cdn.ts';
import type { HubContent } from './hub-content.ts';
import type { HubOptions } from './hub-options.ts';
import { answerHubRegistry } from './hub-registry.ts';
import { type Identity, PullLimit } from './pull-limit.ts';
import { RollingWindow } from './rolling-window.ts';
import { WebApi } from './web-api.ts';

export interface HubOrigins extends AsyncDisposable {
  readonly registryUrl: string;
  /** The realm that the registry names. */
  readonly tokenUrl: string;
  readonly cdnUrl: string;
  readonly apiUrl: string;
}

type Handle = (request: Request) => Answer;
type Common = Pick<OriginOptions, 'faults' | 'observe' | 'latencyMs'>;

const SERVICE = 'registry.docker.io';

export async function startHubOrigins(
  options: HubOptions,
  content: HubContent,
  faults: Faults,
  observe: OriginOptions['observe'],
): Promise<HubOrigins> {
  const now = options.now ?? Date.now;
  const common: Common = { faults, observe, latencyMs: options.latencyMs };
  const guarded = abuseGuard(options.abuseLimitPerMinute, now);
  const isPublic = (repository: string): boolean => options.privateRepositories?.includes(repository) !== true;
  const tokens = tokenService(options, content, isPublic, now);
  const blobs = new BlobCdn(now);
  const webApi = new WebApi({ content, isPublic, limitPerMinute: options.apiLimitPerMinute ?? 180, now });

  await using started = new AsyncDisposableStack();
  const cdn = started.use(await startSimple('cdn', common, (request) => blobs.answer(request)));
  const token = started.use(
    await startSimple(
      'token',
      common,
      guarded((request) => tokens.answer(request)),
    ),
  );
  const api = started.use(
    await startSimple(
      'api',
      common,
      guarded((request) => webApi.answer(request)),
    ),
  );
  const registryParts = {
    content,
    tokens,
    realm: `${token.url}/token`,
    pullLimit: new PullLimit(options.windowSeconds ?? 3600, now),
    identify: identifier(options),
    locate: (blob: Parameters<BlobCdn['sign']>[0]) => cdn.url + blobs.sign(blob),
  };
  const registry = started.use(
    await startOrigin({
      ...common,
      name: 'registry',
      classify: classifyRegistry,
      handle: guarded((request) => answerHubRegistry(registryParts, request)),
      headers: API_VERSION,
      port: options.port,
    }),
  );
  const running = started.move();
  return {
    registryUrl: registry.url,
    tokenUrl: registryParts.realm,
    cdnUrl: cdn.url,
    apiUrl: api.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function startSimple(name: 'cdn' | 'token' | 'api', common: Common, handle: Handle): Promise<Origin> {
  return startOrigin({ ...common, name, classify: () => name, handle });
}

function tokenService(
  { accounts = [] }: HubOptions,
  content: HubContent,
  isPublic: (repository: string) => boolean,
  now: () => number,
): TokenService {
  const exists = ({ type, name }: Omit<Access, 'actions'>): boolean =>
    type === 'repository' && content.repository(name) !== undefined;
  return new TokenService({
    service: SERVICE,
    accounts,
    allows: (username, access, action) =>
      action === 'pull' && exists(access) && (username !== undefined || isPublic(access.name)),
    now,
  });
}

function identifier({ limit, accounts = [] }: HubOptions): (username: string | undefined, address: string) => Identity {
  const limits = new Map(accounts.map((account) => [account.username, account.limit]));
  return (username, address) =>
    username === undefined
      ? { source: address, isAccount: false, limit }
      : { source: username, isAccount: true, limit: limits.get(username) };
}

// Docker Hub's other limit: bare text, no rate headers, whoever asks and whatever for.
function abuseGuard(limitPerMinute: number | undefined, now: () => number): (handle: Handle) => Handle {
  if (limitPerMinute === undefined) return (handle) => handle;
  const requests = new RollingWindow(60, now);
  return (handle) => (request) => {
    if (requests.spent(request.address) >= limitPerMinute) return textAnswer(429, 'Too Many Requests (HAP429)');
    requests.spend(request.address);
    return handle(request);
  };
}
