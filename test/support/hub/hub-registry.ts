// registry-1.docker.io: challenges, the pull limit, and redirects to the CDN around the reading half of a registry.
import { type Answer, answerOf, emptyAnswer, jsonAnswer, withHeaders } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';
import { neededAccess } from '../registry/login.ts';
import { answerManifest, answerTags, findBlob } from '../registry/read.ts';
import { type Route, routeOf } from '../registry/route.ts';
import type { TokenService } from '../registry/token-service.ts';
import type { HubContent } from './hub-content.ts';
import type { Identity, PullLimit } from './pull-limit.ts';

export interface HubRegistryParts {
  readonly content: HubContent;
  readonly tokens: TokenService;
  readonly realm: string;
  readonly pullLimit: PullLimit;
  readonly identify: (username: string | undefined, address: string) => Identity;
  /** Where the CDN has the blob. */
  readonly locate: (blob: ReturnType<typeof findBlob>) => string;
}

export function answerHubRegistry(parts: HubRegistryParts, request: Request): Answer {
  const route = routeOf(request.path);
  const needed = neededAccess(request.method, route);
  const verdict = parts.tokens.check(request.headers.authorization, needed);
  if (!verdict.allowed) {
    const { source, limit } = parts.identify(undefined, request.address);
    const challenge = parts.tokens.challenge(parts.realm, needed, verdict.error);
    return limit === undefined ? challenge : withHeaders(challenge, { 'docker-ratelimit-source': source });
  }
  const who = parts.identify(verdict.username, request.address);
  return answerAllowed(parts, route, request, who);
}

// Nobody is ever allowed to push here: a token that covers more than pull does not exist.
function answerAllowed(parts: HubRegistryParts, route: Route, request: Request, who: Identity): Answer {
  const { content, pullLimit } = parts;
  switch (route.kind) {
    case 'ping':
      return jsonAnswer(200, {});
    case 'manifest':
      return pullLimit.charge(who, request.method, () => manifestOrError(content, route));
    case 'blob':
      return emptyAnswer(307, { location: parts.locate(findBlob(content, route)) });
    case 'tags':
      return answerTags(content, route, request.query);
    case 'catalog':
    case 'upload':
    case 'other':
    default:
      return emptyAnswer(404);
  }
}

function manifestOrError(content: HubContent, route: Route): Answer {
  try {
    return answerManifest(content, route);
  } catch (error) {
    return answerOf(error);
  }
}
