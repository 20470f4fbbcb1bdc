// What the token service gives out: a JWT as distribution has it (token authentication specification, §JWT), signed with
// ES256 and nothing else, for one service and a few minutes. What it gives access to is named canonically, as policy does.
import { randomUUID } from 'node:crypto';
import { type JWTHeaderParameters, SignJWT, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { isAccountName } from '../../accounts/account-name.ts';
import type { Proof } from '../../accounts/accounts.ts';
import type { SigningKeys } from '../../accounts/signing-keys.ts';
import type { TokenAction } from './scope.ts';

/** The actions of a token by repository. */
type TokenAccess = ReadonlyMap<string, readonly TokenAction[]>;

export interface TokenContent {
  /** `undefined`: nobody has logged in. */
  readonly proof: Proof | undefined;
  readonly access: TokenAccess;
  /** Whether it is for the list of repositories, too. */
  readonly listsCatalog: boolean;
}

export interface VerifiedToken extends TokenContent {
  readonly expiresAtMs: number;
}

export interface AccessTokensOptions {
  readonly keys: SigningKeys;
  /** Who is to take it: the audience. */
  readonly service: string;
  readonly lifetimeMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const ALGORITHM = 'ES256';
const ISSUER = 'wharf';
const MAX_TOKEN = 8192;
/** Clocks of the machines that share a data folder are one clock, but it may be set. */
const TOLERANCE_S = 5;
/** `jwk`, `jku`, `x5u` and `x5c` bring a key along, and `crit` changes what all else means. */
const HEADER: ReadonlySet<string> = new Set(['alg', 'typ', 'kid']);

const claimsSchema = z.object({
  sub: z.string(),
  /** Which password or token it was bought with. */
  credential: z.string().optional(),
  iat: z.number(),
  exp: z.number(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
});
const CATALOG = { type: 'registry', name: 'catalog', actions: ['*'] };

export class AccessTokens {
  readonly #options: AccessTokensOptions;

  constructor(options: AccessTokensOptions) {
    this.#options = options;
  }

  get lifetimeSeconds(): number {
    return Math.floor(this.#options.lifetimeMs / 1000);
  }

  async sign({ proof, access, listsCatalog }: TokenContent): Promise<string> {
    const { keys, service, now } = this.#options;
    const { kid, privateKey } = keys.current();
    const atS = Math.floor(now() / 1000);
    const repositories = [...access].map(([name, actions]) => ({ type: 'repository', name, actions }));
    const claims = { credential: proof?.credential, access: listsCatalog ? [...repositories, CATALOG] : repositories };
    return await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid })
      .setIssuer(ISSUER)
      .setSubject(proof?.account ?? '')
      .setAudience(service)
      .setIssuedAt(atS)
      .setNotBefore(atS)
      .setExpirationTime(atS + this.lifetimeSeconds)
      .setJti(randomUUID())
      .sign(privateKey);
  }

  /** `undefined` for whatever is not a good token of ours. */
  async verify(token: string): Promise<VerifiedToken | undefined> {
    if (token.length > MAX_TOKEN) return undefined;
    try {
      const { payload } = await jwtVerify(token, (header) => this.#keyOf(header), {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.#options.service,
        typ: 'JWT',
        clockTolerance: TOLERANCE_S,
        requiredClaims: ['sub', 'iat', 'nbf', 'exp', 'jti'],
        currentDate: new Date(this.#options.now()),
      });
      return this.#read(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #keyOf(header: JWTHeaderParameters) {
    const isOurs = Object.keys(header).every((name) => HEADER.has(name));
    const key = isOurs && header.kid !== undefined ? this.#options.keys.verifying(header.kid) : undefined;
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  #read(payload: unknown): VerifiedToken | undefined {
    const { data: claims } = claimsSchema.safeParse(payload);
    if (claims === undefined) return undefined;
    const { sub, credential, iat, exp } = claims;
    const { lifetimeMs, now } = this.#options;
    // Whoever signed it before the lifetime was made shorter, or on a clock that was wrong.
    const isOfNow = iat <= now() / 1000 + TOLERANCE_S && exp - iat <= lifetimeMs / 1000;
    const proof = isAccountName(sub) && credential !== undefined ? { account: sub, credential } : undefined;
    if (!isOfNow || (proof === undefined && sub !== '')) return undefined;
    const access = new Map<string, readonly TokenAction[]>();
    for (const { type, name, actions } of claims.access) {
      if (type === 'repository') access.set(name, actions as TokenAction[]);
    }
    const listsCatalog = claims.access.some(({ type, name }) => type === CATALOG.type && name === CATALOG.name);
    return { proof, access, listsCatalog, expiresAtMs: exp * 1000 };
  }
}
