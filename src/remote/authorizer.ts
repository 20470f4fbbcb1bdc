// Proves to one registry who we are. Learns from its challenge what kind of proof it wants, fetches tokens for what is
// asked, and keeps secrets away from every place that is not the registry's own.
import { z } from 'zod';
import type { Traffic } from '../observe/traffic.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { KeptLogin } from './kept-login.ts';
import type { Network } from './network.ts';
import { RegistryMemory, type Token } from './registry-memory.ts';
import { RemoteError } from './remote-error.ts';
import type { Reach, SendResponse } from './send.ts';
import { SharedFlight } from './shared-flight.ts';

export interface AuthorizerOptions {
  readonly network: Network;
  /** The registry's own URL; its origin may always see the secret. */
  readonly url: URL;
  /** Asked when a login is first wanted, when its lifetime is over, and when it was refused. */
  readonly credentials?: (() => Promise<Credentials | undefined>) | undefined;
  /** Token servers elsewhere that may see the secret too; compared as origin and path. */
  readonly realms?: readonly string[] | undefined;
  /** Whom a realm that the registry names may reach. */
  readonly reach: () => Promise<Reach>;
  readonly traffic: Traffic;
  /** Past this a pause is not waited for, here neither. */
  readonly longestPauseMs?: number | undefined;
  readonly memory?: RegistryMemory | undefined;
}

const tokenAnswer = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  expires_in: z.number().nullish(),
});

const MAX_TOKEN_BYTES = 1024 * 1024;
/** distribution, token specification: 60 seconds where the server does not say. */
const DEFAULT_LIFE_SECONDS = 60;
const LONGEST_LIFE_SECONDS = 24 * 60 * 60;
const MARGIN_MS = 15_000;
const MAX_TOKENS = 10_000;
const CLIENT_ID = 'wharf';

export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #host: string;
  readonly #pings = new SharedFlight<'ping', void>();
  readonly #fetches = new SharedFlight<string, Token>();
  readonly #memory: RegistryMemory;
  readonly #login: KeptLogin;
  /** The last that took the place of one that was refused, and the tokens from before it. */
  #newest: Credentials | undefined;
  #outdated: ReadonlySet<string> = new Set();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#host = options.url.host;
    this.#memory = options.memory ?? new RegistryMemory();
    const ask = options.credentials ?? (() => Promise.resolve(undefined));
    this.#login = new KeptLogin({ ask, clock: options.network.clock });
  }

  /** The Authorization header for these scopes; `undefined` where the registry has not asked for one. */
  async header(scopes: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    if (!this.#memory.isPinged) await this.#pings.run('ping', () => this.#ping(signal), signal);
    if (this.#memory.challenge === undefined) return undefined;
    if (this.#memory.challenge.scheme === 'basic') return basic(await this.#login.current());
    return `Bearer ${(await this.#token(this.#memory.challenge, scopes, signal)).text}`;
  }

  /**
   * Learns from a 401. Returns when asking once more with a new header makes sense; otherwise throws UNAUTHORIZED, or
   * DENIED where a token was honoured and is not enough.
   */
  async refused(response: SendResponse, scopes: readonly string[], sent: string | undefined, what: string) {
    const challenge = this.#choose(parseChallenges(response.headers.all('www-authenticate')));
    await response.body.discard();
    if (challenge?.scheme === 'bearer' && sent?.startsWith('Bearer ')) {
      const isTooLittle = challenge.parameters.get('error') === 'insufficient_scope';
      if (isTooLittle && !(await this.#hasBetter(sent))) throw this.#denied(what);
      // Others may have met the same refusal, and one of them fetched the next token already.
      const key = keyOf(challenge, this.#scopesFor(challenge, scopes));
      if (sent === `Bearer ${this.#memory.tokens.get(key)?.text}`) this.#memory.tokens.delete(key);
      this.#memory.challenge = challenge;
      return;
    }
    const isWrong = sent !== undefined;
    const isAnswerable = !isWrong || (challenge?.scheme === 'basic' && sent.startsWith('Basic '));
    if (challenge === undefined || !isAnswerable) throw this.#unauthorized(what, isWrong);
    if (challenge.scheme === 'basic' && !(await this.#hasOther(sent))) throw this.#unauthorized(what, isWrong);
    this.#memory.challenge = challenge;
  }

  async hasLogin(): Promise<boolean> {
    return (await this.#login.current()) !== undefined;
  }

  /** Whether there is a login to send in place of this header, or of none. */
  async #hasOther(sent: string | undefined): Promise<boolean> {
    if (sent === undefined && (await this.#login.current()) !== undefined) return true;
    const { last } = this.#login;
    return sent !== basic(last) || (await this.#isReplaced(last));
  }

  /** Whether a token for a newer login can be had in place of this one. */
  async #hasBetter(sent: string): Promise<boolean> {
    return this.#outdated.has(sent) || (await this.#isReplaced(this.#login.last));
  }

  async #isReplaced(refused: Credentials | undefined): Promise<boolean> {
    if (!(await this.#login.isReplaced(refused))) return false;
    // Many are told of the same new login; the tokens that the first of them fetched with it are good.
    const { last } = this.#login;
    if (last !== this.#newest) {
      this.#outdated = new Set([...this.#memory.tokens.values()].map(({ text }) => `Bearer ${text}`));
      this.#memory.tokens.clear();
      this.#newest = last;
    }
    return true;
  }

  // Asked once, so that many first requests do not each meet a 401. A registry that refuses its root may still serve.
  async #ping(signal?: AbortSignal): Promise<void> {
    const { network, url, traffic, longestPauseMs } = this.#options;
    const response = await network.origin(url).exchange({
      method: 'GET',
      url: new URL('v2/', url),
      headers: {},
      kind: 'ping',
      what: 'its API root /v2/',
      traffic,
      reach: 'configured',
      longestPauseMs,
      signal,
    });
    await response.body.discard();
    if (response.status === 401) {
      this.#memory.challenge = this.#choose(parseChallenges(response.headers.all('www-authenticate')));
    }
    this.#memory.isPinged = true;
  }

  #choose(challenges: readonly Challenge[]): Challenge | undefined {
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
    return bearer ?? challenges.find(({ scheme }) => scheme === 'basic');
  }

  async #token(challenge: Challenge, scopes: readonly string[], signal?: AbortSignal): Promise<Token> {
    const wanted = this.#scopesFor(challenge, scopes);
    const key = keyOf(challenge, wanted);
    const known = this.#memory.tokens.get(key);
    if (known !== undefined && known.expiresMs > this.#options.network.clock.now()) return known;
    const fetchToken = async () => {
      const token = await this.#fetchToken(challenge, wanted, signal).catch((error: unknown) => {
        // What stood in the way once may have named a token server that is none: the registry is asked anew.
        this.#memory.isPinged = false;
        throw error;
      });
      const oldest = this.#memory.tokens.keys().next().value;
      if (this.#memory.tokens.size >= MAX_TOKENS && oldest !== undefined) this.#memory.tokens.delete(oldest);
      this.#memory.tokens.set(key, token);
      return token;
    };
    return await this.#fetches.run(key, fetchToken, signal);
  }

  // A registry whose scopes are not of the usual kind (public.ecr.aws wants `aws`) says so in its challenge.
  #scopesFor(challenge: Challenge, scopes: readonly string[]): readonly string[] {
    const own = challenge.parameters.get('scope');
    return own !== undefined && !/^(?:repository|registry)[:(]/.test(own) ? [own] : scopes;
  }

  async #fetchToken(challenge: Challenge, scopes: readonly string[], signal?: AbortSignal): Promise<Token> {
    for (let isLastTry = false; ; isLastTry = true) {
      const login = await this.#login.current();
      const realm = this.#realm(challenge, login);
      const response = await this.#askRealm(realm, challenge, scopes, login, signal);
      const askedMs = this.#options.network.clock.now();
      if (response.status === 200) return readToken(await response.body.bytes(MAX_TOKEN_BYTES), askedMs, realm.host);
      await response.body.discard();
      const mayTryAnother = !isLastTry && isRefusal(response.status);
      if (mayTryAnother && (await this.#isReplaced(login))) continue;
      throw this.#refusedLogin(realm, response.status, login);
    }
  }

  async #askRealm(
    realm: URL,
    challenge: Challenge,
    scopes: readonly string[],
    login: Credentials | undefined,
    signal?: AbortSignal,
  ): Promise<SendResponse> {
    const { network, traffic, reach, url, longestPauseMs } = this.#options;
    const isOwn = realm.origin === url.origin || this.#isTrusted(realm);
    return await network.origin(realm).exchange({
      ...tokenRequest(realm, challenge.parameters.get('service'), scopes, login),
      kind: 'token',
      what: `a token for ${this.#host}`,
      traffic,
      maxBodyBytes: MAX_TOKEN_BYTES,
      reach: isOwn ? 'configured' : await reach(),
      longestPauseMs,
      signal,
    });
  }

  #realm(challenge: Challenge, credentials: Credentials | undefined): URL {
    const text = challenge.parameters.get('realm') ?? '';
    const realm = URL.parse(text);
    if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== 'http:') || realm.username !== '') {
      throw new RemoteError(this.#host, 'REALM', `names the token server "${text.slice(0, 200)}", which is not a URL`);
    }
    const mayBeTold = realm.origin === this.#options.url.origin || this.#isTrusted(realm);
    if (credentials !== undefined && !mayBeTold) {
      const message = `wants this login to be sent to ${realm.origin}, which is not its own; if that is right, list ${realm.origin}${realm.pathname} under the upstream's \`realms\``;
      throw new RemoteError(this.#host, 'REALM', message);
    }
    return realm;
  }

  #isTrusted(realm: URL): boolean {
    return this.#options.realms?.some((trusted) => sameRealm(URL.parse(trusted), realm)) ?? false;
  }

  #refusedLogin(realm: URL, status: number, credentials: Credentials | undefined): RemoteError {
    if (isRefusal(status) && credentials !== undefined) {
      const who = 'username' in credentials ? `the login "${credentials.username}"` : 'the stored login';
      const message = `refused ${who}: wrong user name or password`;
      return new RemoteError(this.#host, 'UNAUTHORIZED', message, { status });
    }
    if (isRefusal(status)) return this.#unauthorized('a token', false);
    return new RemoteError(realm.host, 'NOT_A_REGISTRY', `answered ${status} instead of a token for ${this.#host}`);
  }

  #denied(what: string): RemoteError {
    const remark = this.#login.last !== undefined ? 'or this login may not see it' : 'and may need `wharf login`';
    const message = `denies access to ${what}: it does not exist, ${remark}`;
    return new RemoteError(this.#host, 'DENIED', message, { status: 401 });
  }

  #unauthorized(what: string, isWrong: boolean): RemoteError {
    const message =
      isWrong && this.#login.last !== undefined
        ? `refused the login for ${what}: wrong user name or password`
        : `wants a login for ${what}; run \`wharf login ${this.#host}\``;
    return new RemoteError(this.#host, 'UNAUTHORIZED', message, { status: 401 });
  }
}

/** The scope of a repository, as the token specification writes it: `repository:library/nginx:pull`. */
export function repositoryScope(repository: string, actions: 'pull' | 'pull,push' | 'delete'): string {
  return `repository:${repository}:${actions}`;
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403 || status === 400;
}

function tokenRequest(realm: URL, service: string | undefined, scopes: readonly string[], login?: Credentials) {
  if (login !== undefined && 'identityToken' in login) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: login.identityToken,
      client_id: CLIENT_ID,
      ...(service !== undefined && { service }),
      scope: scopes.join(' '),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST' as const, url: realm, headers, body: new TextEncoder().encode(form.toString()) };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  url.searchParams.set('client_id', CLIENT_ID);
  if (login === undefined) return { method: 'GET' as const, url, headers: {} };
  url.searchParams.set('account', login.username);
  return { method: 'GET' as const, url, headers: { authorization: basic(login) ?? '' } };
}

function readToken(bytes: Uint8Array, askedMs: number, realmHost: string): Token {
  let answer: z.infer<typeof tokenAnswer>;
  try {
    answer = tokenAnswer.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new RemoteError(realmHost, 'NOT_A_REGISTRY', 'answered with something that is not a token', { cause });
  }
  const text = answer.token || answer.access_token || '';
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new RemoteError(realmHost, 'NOT_A_REGISTRY', 'answered with an empty or unprintable token');
  }
  const seconds = Math.min(answer.expires_in ?? DEFAULT_LIFE_SECONDS, LONGEST_LIFE_SECONDS);
  return { text, expiresMs: askedMs + Math.max(seconds * 1000 - MARGIN_MS, 1000) };
}

function keyOf(challenge: Challenge, scopes: readonly string[]): string {
  return [challenge.parameters.get('realm'), challenge.parameters.get('service'), ...scopes].join('\n');
}

function sameRealm(trusted: URL | null, realm: URL): boolean {
  const withoutSlash = (path: string) => path.replace(/\/$/, '');
  return trusted?.origin === realm.origin && withoutSlash(trusted.pathname) === withoutSlash(realm.pathname);
}

function basic(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined || !('username' in credentials)) return undefined;
  const bytes = new TextEncoder().encode(`${credentials.username}:${credentials.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
