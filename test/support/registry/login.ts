import { type Answer, errorAnswer, withHeaders } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';
import type { Route } from './route.ts';
import { type Access, type Account, isKnown, readBasic, TokenService } from './token-service.ts';

/** How the registry asks who is there. `undefined`: it does not. */
export interface Login extends Account {
  readonly scheme: 'basic' | 'bearer';
}

/** Gives the refusal, or `undefined` to let the request in. */
type Doorkeeper = (request: Request, needed: readonly Access[]) => Answer | undefined;

export interface LoginParts {
  readonly refusal: Doorkeeper;
  /** The token server, where there is one. */
  readonly tokens?: TokenService | undefined;
}

export function loginParts(login: Login | undefined, now: () => number): LoginParts {
  if (login === undefined) return { refusal: () => undefined };
  if (login.scheme === 'basic') return { refusal: (request) => basicRefusal(login, request) };
  const tokens = new TokenService({
    service: 'registry',
    accounts: [login],
    allows: (username) => username !== undefined,
    now,
  });
  return { tokens, refusal: (request, needed) => bearerRefusal(tokens, request, needed) };
}

/** What distribution asks for: pull to read, pull and push to write, delete to delete. */
export function neededAccess(method: string, { kind, repository }: Route): Access[] {
  if (kind === 'catalog') return [{ type: 'registry', name: 'catalog', actions: ['*'] }];
  if (repository === '') return [];
  const isRead = method === 'GET' || method === 'HEAD';
  const isDelete = method === 'DELETE' && kind !== 'upload';
  const actions = isRead && kind !== 'upload' ? ['pull'] : isDelete ? ['delete'] : ['pull', 'push'];
  return [{ type: 'repository', name: repository, actions }];
}

function basicRefusal(account: Account, { headers }: Request): Answer | undefined {
  const given = readBasic(headers.authorization);
  if (given !== undefined && isKnown([account], given)) return undefined;
  return withHeaders(errorAnswer('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="registry"' });
}

function bearerRefusal(tokens: TokenService, { headers }: Request, needed: readonly Access[]): Answer | undefined {
  const verdict = tokens.check(headers.authorization, needed);
  return verdict.allowed ? undefined : tokens.challenge(`http://${headers.host}/token`, needed, verdict.error);
}
