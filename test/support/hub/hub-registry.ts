// registry-1.docker.io: challenges, the pull limit, and redirects to the CDN around the reading half of a registry.
import { type Answer, answerOf, emptyAnswer, jsonAnswer, withHeaders } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';
import { neededAccess } from '../registry/login.ts';
import { answerManifest, answerTags, findBlob } from '../registry/read.ts';
import { type Route, routeOf } from '../registry/route.ts';
import type { HubContent } from './hub-content.ts';
import type { HubServices } from './hub-services.ts';

/** Where the registry sends its clients. */
export interface HubAddresses {
  readonly realm: string;
  readonly cdnUrl: string;
}

export function answerHubRegistry(services: HubServices, addresses: HubAddresses, request: Request): Answer {
  const route = routeOf(request.path);
  const needed = neededAccess(request.method, route);
  const verdict = services.tokens.check(request.headers.authorization, needed);
  if (!verdict.allowed) {
    const { source, limit } = services.identify(undefined, request.address);
    const challenge = services.tokens.challenge(addresses.realm, needed, verdict.error);
    return limit === undefined ? challenge : withHeaders(challenge, { 'docker-ratelimit-source': source });
  }
  const { content, cdn, pullLimit } = services;
  // Nobody gets as far as this with a push: a token that covers more than pull does not exist.
  switch (route.kind) {
    case 'ping':
      return jsonAnswer(200, {});
    case 'manifest': {
      const who = services.identify(verdict.username, request.address);
      return pullLimit.charge(who, request.method, () => manifestOrError(content, route));
    }
    case 'blob':
      return emptyAnswer(307, { location: addresses.cdnUrl + cdn.sign(findBlob(content, route)) });
    case 'tags':
      return answerTags(content, route, request.query);
    case 'catalog':
    case 'referrers':
    case 'upload':
    case 'other':
    default:
      return emptyAnswer(404);
  }
}

// A pull that fails is charged all the same, and its answer says so.
function manifestOrError(content: HubContent, route: Route): Answer {
  try {
    return answerManifest(content, route);
  } catch (error) {
    return answerOf(error);
  }
}
