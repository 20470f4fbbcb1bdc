import { type Answer, textAnswer } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';
import { TokenService, type TokenServiceOptions } from '../registry/token-service.ts';
import { BlobCdn } from './blob-cdn.ts';
import type { HubContent } from './hub-content.ts';
import type { HubOptions } from './hub-options.ts';
import { type Identity, PullLimit } from './pull-limit.ts';
import { RollingWindow } from './rolling-window.ts';
import { WebApi } from './web-api.ts';

type Handle = (request: Request) => Answer;

/** What stands behind the hub's origins. */
export interface HubServices {
  readonly content: HubContent;
  readonly tokens: TokenService;
  readonly cdn: BlobCdn;
  readonly webApi: WebApi;
  readonly pullLimit: PullLimit;
  readonly identify: (username: string | undefined, address: string) => Identity;
  /** Docker Hub's other limit: bare text, no rate headers, whoever asks and whatever for. */
  readonly guarded: (handle: Handle) => Handle;
}

export function hubServices(options: HubOptions, content: HubContent): HubServices {
  const { accounts = [], privateRepositories = [], now = Date.now } = options;
  const isPublic = (repository: string): boolean => !privateRepositories.includes(repository);
  const allows: TokenServiceOptions['allows'] = (username, { type, name }, action) =>
    type === 'repository' &&
    action === 'pull' &&
    content.repository(name) !== undefined &&
    (username !== undefined || isPublic(name));
  return {
    content,
    tokens: new TokenService({ service: 'registry.docker.io', accounts, allows, now }),
    cdn: new BlobCdn(now),
    webApi: new WebApi({ content, isPublic, limitPerMinute: options.apiLimitPerMinute ?? 180, now }),
    pullLimit: new PullLimit(options.windowSeconds ?? 3600, now),
    identify: identifier(options),
    guarded: abuseGuard(options.abuseLimitPerMinute, now),
  };
}

function identifier({ limit, accounts = [] }: HubOptions): HubServices['identify'] {
  const limits = new Map(accounts.map((account) => [account.username, account.limit]));
  return (username, address) =>
    username === undefined
      ? { source: address, isAccount: false, limit }
      : { source: username, isAccount: true, limit: limits.get(username) };
}

function abuseGuard(limitPerMinute: number | undefined, now: () => number): HubServices['guarded'] {
  if (limitPerMinute === undefined) return (handle) => handle;
  const requests = new RollingWindow(60, now);
  return (handle) => (request) => {
    if (requests.spent(request.address) >= limitPerMinute) return textAnswer(429, 'Too Many Requests (HAP429)');
    requests.spend(request.address);
    return handle(request);
  };
}
