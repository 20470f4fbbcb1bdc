// A token server as registries have them: it never says no, it hands out less than was asked for.
import { randomBytes } from 'node:crypto';
import { type Answer, errorAnswer, jsonAnswer, withHeaders } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** One resource and what may be done with it: `repository:library/nginx:pull`. */
export interface Access {
  readonly type: 'repository' | 'registry';
  readonly name: string;
  readonly actions: readonly string[];
}

export interface TokenServiceOptions {
  readonly service: string;
  readonly accounts: readonly Account[];
  /** Whether the account, or with `undefined` anybody, may do this. */
  readonly allows: (username: string | undefined, access: Omit<Access, 'actions'>, action: string) => boolean;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Grant {
  readonly username: string | undefined;
  readonly service: string;
  readonly scopes: readonly Access[];
  readonly expiresAt: number;
}

export type Verdict =
  | { readonly allowed: true; readonly username: string | undefined }
  | { readonly allowed: false; readonly error: 'invalid_token' | 'insufficient_scope' | undefined };

const LIFETIME_SECONDS = 300;

export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #grants = new Map<string, Grant>();

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /** `GET /token?service=…&scope=…`, anonymous or with Basic. */
  answer({ method, query, headers }: Request): Answer {
    if (method !== 'GET') return errorAnswer('UNSUPPORTED', 'tokens are given for GET alone');
    const login = readBasic(headers.authorization);
    if (login !== undefined && !isKnown(this.#options.accounts, login)) {
      return jsonAnswer(401, { details: 'incorrect username or password' });
    }
    const scopes = query.getAll('scope').flatMap((scope) => scope.split(' ').flatMap(readScope));
    const token = this.#issue(login?.username, query.get('service') ?? '', scopes);
    const issuedAt = new Date(this.#options.now()).toISOString();
    return jsonAnswer(200, { token, access_token: token, expires_in: LIFETIME_SECONDS, issued_at: issuedAt });
  }

  /** May the bearer of this header do all of that? */
  check(authorization: string | undefined, needed: readonly Access[]): Verdict {
    const [, token] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) return { allowed: false, error: undefined };
    const grant = this.#grants.get(token);
    const isValid = grant?.service === this.#options.service && grant.expiresAt > this.#options.now();
    if (!isValid) return { allowed: false, error: 'invalid_token' };
    const allowed = needed.every((access) => covers(grant.scopes, access));
    return allowed ? { allowed, username: grant.username } : { allowed, error: 'insufficient_scope' };
  }

  /** The 401 that sends a client to this token server. */
  challenge(
    realm: string,
    needed: readonly Access[],
    error: 'invalid_token' | 'insufficient_scope' | undefined,
  ): Answer {
    const scope = needed.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
    const parameters = Object.entries({ realm, service: this.#options.service, scope, error: error ?? '' })
      .filter(([, value]) => value !== '')
      .map(([key, value]) => `${key}="${value}"`);
    const detail = needed.flatMap(({ type, name, actions }) =>
      actions.map((action) => ({ Type: type, Class: '', Name: name, Action: action })),
    );
    const answer = errorAnswer('UNAUTHORIZED', undefined, detail.length > 0 ? detail : null);
    return withHeaders(answer, { 'www-authenticate': `Bearer ${parameters.join(',')}` });
  }

  #issue(username: string | undefined, service: string, asked: readonly Access[]): string {
    const { allows, now } = this.#options;
    const scopes = asked.map((access) => ({
      ...access,
      actions: access.actions.filter((action) => allows(username, access, action)),
    }));
    const token = randomBytes(24).toString('base64url');
    this.#grants.set(token, { username, service, scopes, expiresAt: now() + LIFETIME_SECONDS * 1000 });
    return token;
  }
}

/** `undefined` without a Basic header. */
export function readBasic(authorization: string | undefined): Account | undefined {
  const [, encoded] = /^Basic (.+)$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const [username = '', ...password] = Buffer.from(encoded, 'base64').toString().split(':');
  return { username, password: password.join(':') };
}

export function isKnown(accounts: readonly Account[], { username, password }: Account): boolean {
  return accounts.some((account) => account.username === username && account.password === password);
}

function readScope(text: string): Access[] {
  const [, type, name, actions] = /^(repository|registry)(?:\([a-z0-9]+\))?:(.+):([^:]*)$/.exec(text) ?? [];
  if (name === undefined || actions === undefined) return [];
  return [{ type: type === 'registry' ? 'registry' : 'repository', name, actions: actions.split(',') }];
}

function covers(scopes: readonly Access[], { type, name, actions }: Access): boolean {
  return actions.every((action) =>
    scopes.some((scope) => scope.type === type && scope.name === name && scope.actions.includes(action)),
  );
}
