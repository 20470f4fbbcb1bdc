// The token service: distribution's token authentication specification (GET) and its OAuth 2 one (POST). What somebody may
// not do is not an error: his token is for what he may.
import { isAccountName } from '../../accounts/account-name.ts';
import type { Accounts, Proof } from '../../accounts/accounts.ts';
import type { Sessions } from '../../accounts/sessions.ts';
import { isSecretToken } from '../../accounts/secret-token.ts';
import { type RepositoryName, isRepositoryName } from '../../oci/reference.ts';
import { readAll } from '../../streams/read-all.ts';
import type { AddressRanges } from '../address-ranges.ts';
import { clientAddress } from '../client-address.ts';
import { type Answer, jsonAnswer } from '../distribution/answer.ts';
import { Refusal, errorAnswer } from '../distribution/errors.ts';
import type { HttpHandler, HttpRequest } from '../distribution/request.ts';
import type { AccessTokens, TokenContent } from './access-token.ts';
import { parseBasic } from './basic-credentials.ts';
import { TOKEN_PATH } from './challenge.ts';
import type { Logins } from './logins.ts';
import { noteProof } from './note-proof.ts';
import type { Policy } from './policy.ts';
import { type Scope, type TokenAction, asksFor, parseScopes } from './scope.ts';

export interface TokenServiceOptions {
  readonly accounts: Accounts;
  readonly logins: Logins;
  readonly tokens: AccessTokens;
  readonly sessions: Sessions;
  readonly policy: Policy;
  readonly service: string;
  readonly trustedProxies: AddressRanges;
  /** What policy calls the repository that a request at the same place would mean. */
  readonly canonicalName: (name: RepositoryName, asked: Asked) => Promise<string | undefined>;
  /** Whether the path component may stand before `/v2`, and so before `/token`. */
  readonly isPrefix: (component: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Asked {
  readonly request: HttpRequest;
  readonly prefix: string | undefined;
}

/** A GET says in its URL, and a POST in its form, what the other says elsewhere. */
interface TokenRequest extends Asked {
  readonly parameters: URLSearchParams;
  readonly proof: Proof | undefined;
  readonly wantsSession: boolean;
}

const MAX_FORM_BYTES = 16 * 1024;
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
const GRANTS = { pull: ['pull'], push: ['push', 'fill'], delete: ['delete'] } as const;

/** Answers what asks for a token, and leaves all else to `next`. */
export function withTokenService(options: TokenServiceOptions, next: HttpHandler): HttpHandler {
  return (request) => {
    if (!request.path.endsWith(TOKEN_PATH)) return next(request);
    const prefix = request.path.slice(1, -TOKEN_PATH.length);
    if (prefix !== '' && !options.isPrefix(prefix)) return next(request);
    return answer({ request, prefix: prefix === '' ? undefined : prefix }, options);
  };
}

async function answer(asked: Asked, options: TokenServiceOptions): Promise<Answer> {
  try {
    const given = await give(await read(asked, options), options);
    return { ...given, route: 'token' };
  } catch (error) {
    const failed = errorAnswer(error);
    return { ...failed, headers: { ...HEADERS, ...failed.headers }, route: 'token' };
  }
}

async function read(asked: Asked, options: TokenServiceOptions): Promise<TokenRequest> {
  const { request } = asked;
  switch (request.method) {
    case 'GET': {
      const { query: parameters } = request;
      checkService(parameters, options);
      const wantsSession = parameters.get('offline_token') === 'true';
      return { ...asked, parameters, proof: await proofOfHeader(request, options), wantsSession };
    }
    case 'POST': {
      const parameters = await readForm(request);
      checkService(parameters, options);
      const wantsSession = parameters.get('access_type') === 'offline';
      return { ...asked, parameters, proof: await proofOfForm(parameters, request, options), wantsSession };
    }
    default:
      throw new Refusal(405, 'UNSUPPORTED', 'a token is asked for with GET or POST', { allow: 'GET, POST' });
  }
}

async function give(asked: TokenRequest, options: TokenServiceOptions): Promise<Answer> {
  const { proof, parameters, wantsSession, request } = asked;
  const { tokens, sessions, now } = options;
  noteProof(request, proof);
  const scopes = parseScopes(parameters.getAll('scope'));
  const token = await tokens.sign({
    proof,
    access: await accessOf(scopes, asked, options),
    listsCatalog: scopes.some(({ type, name }) => type === 'registry' && name === 'catalog'),
  });
  const body = {
    token,
    access_token: token,
    token_type: 'Bearer',
    expires_in: tokens.lifetimeSeconds,
    issued_at: new Date(now()).toISOString(),
    ...(request.method === 'POST' && { scope: parameters.getAll('scope').join(' ') }),
    ...(wantsSession && proof !== undefined && { refresh_token: sessions.open(proof, now()) }),
  };
  return jsonAnswer(200, body, HEADERS);
}

/** What policy gives of what is asked for. Names are those that requests at the same place mean: host, port and prefix. */
async function accessOf(
  scopes: readonly Scope[],
  asked: TokenRequest,
  { policy, canonicalName, trustedProxies }: TokenServiceOptions,
): Promise<TokenContent['access']> {
  const who = { account: asked.proof?.account, address: clientAddress(asked.request, trustedProxies) };
  const access = new Map<string, readonly TokenAction[]>();
  for (const scope of scopes) {
    if (scope.type !== 'repository' || !isRepositoryName(scope.name)) continue;
    const canonical = await canonicalName(scope.name, asked);
    if (canonical === undefined) continue;
    const before = access.get(canonical) ?? [];
    const granted = (['pull', 'push', 'delete'] as const).filter((action) => {
      const isGranted = GRANTS[action].some((each) => policy.allows(who, canonical, each));
      return before.includes(action) || (asksFor(scope, action) && isGranted);
    });
    if (granted.length > 0) access.set(canonical, granted);
  }
  return access;
}

/** Without the header nobody has logged in, which is no error. */
async function proofOfHeader(request: HttpRequest, options: TokenServiceOptions): Promise<Proof | undefined> {
  const header = request.header('authorization');
  if (header === undefined || header === '') return undefined;
  const [, encoded = ''] = /^basic +(\S+)$/i.exec(header) ?? [];
  return await proofOfPassword(parseBasic(encoded), request, options);
}

async function proofOfForm(
  form: URLSearchParams,
  request: HttpRequest,
  options: TokenServiceOptions,
): Promise<Proof | undefined> {
  switch (form.get('grant_type') ?? '') {
    case 'password': {
      const credentials = { username: form.get('username') ?? '', password: form.get('password') ?? '' };
      return await proofOfPassword(credentials, request, options);
    }
    case 'refresh_token':
      return proofOfSession(form.get('refresh_token') ?? '', request, options);
    default:
      throw new Refusal(400, 'UNSUPPORTED', 'grant_type is password or refresh_token');
  }
}

async function proofOfPassword(
  credentials: Parameters<Logins['check']>[0] | undefined,
  request: HttpRequest,
  { logins, trustedProxies }: TokenServiceOptions,
): Promise<Proof | undefined> {
  const isPossible = credentials !== undefined && credentials.username !== '' && credentials.password !== '';
  const proof = isPossible ? await logins.check(credentials, clientAddress(request, trustedProxies)) : undefined;
  if (proof === undefined) throw wrong('the name or the password is wrong');
  return proof;
}

/** It ends with the password or the token that it was opened with. */
function proofOfSession(secret: string, request: HttpRequest, options: TokenServiceOptions): Proof {
  const { accounts, sessions, logins, now, trustedProxies } = options;
  const session = isSecretToken(secret) ? sessions.find(secret, now()) : undefined;
  if (session !== undefined && isAccountName(session.account) && accounts.isGood(session)) return session;
  if (session !== undefined) sessions.end(secret);
  else logins.refuseGuess(clientAddress(request, trustedProxies));
  throw wrong('this login is over; log in again');
}

function checkService(parameters: URLSearchParams, { service }: TokenServiceOptions): void {
  const asked = parameters.get('service');
  if (asked === null || asked === service) return;
  throw new Refusal(400, 'DENIED', `"${asked.slice(0, 100)}" is no service of this server, which is "${service}"`);
}

async function readForm(request: HttpRequest): Promise<URLSearchParams> {
  return new URLSearchParams(new TextDecoder().decode(await readAll(request.body, MAX_FORM_BYTES)));
}

function wrong(sentence: string): Refusal {
  return new Refusal(401, 'UNAUTHORIZED', sentence, { 'www-authenticate': 'Basic realm="wharf"' });
}
