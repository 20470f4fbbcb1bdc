import type { Awaitable } from '../../async/awaitable.ts';
import type { Accounts, Proof } from '../../accounts/accounts.ts';
import type { AddressRanges } from '../address-ranges.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpRequest } from '../distribution/request.ts';
import type { AccessTokens, VerifiedToken } from './access-token.ts';
import { parseBasic } from './basic-credentials.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Logins } from './logins.ts';

/** Who sends a request, as far as it proves it. */
export type Identity =
  | { readonly kind: 'anonymous' }
  /** What it brings is wrong, or over. */
  | { readonly kind: 'unproved' }
  | { readonly kind: 'account'; readonly proof: Proof }
  | { readonly kind: 'token'; readonly token: VerifiedToken };

export interface AuthenticatorOptions {
  readonly accounts: Accounts;
  readonly logins: Logins;
  readonly tokens: AccessTokens;
  readonly trustedProxies: AddressRanges;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface KnownToken {
  readonly identity: Identity & { readonly kind: 'token' };
  /** Of the accounts, when its own was last found to be good. */
  version: number;
}

const ANONYMOUS: Identity = { kind: 'anonymous' };
const UNPROVED: Identity = { kind: 'unproved' };
const MAX_REMEMBERED = 10_000;

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  /** By what was sent, so that a token that comes with each request is verified once. */
  readonly #known = new BoundedMap<string, KnownToken>(MAX_REMEMBERED);

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Throws a Refusal (429) for whoever failed too often. */
  identify(request: HttpRequest): Awaitable<Identity> {
    const header = request.header('authorization');
    if (header === undefined || header === '') return ANONYMOUS;
    const known = this.#known.get(header);
    if (known !== undefined) return this.#stillGood(header, known);
    const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(header) ?? [];
    switch (scheme.toLowerCase()) {
      case 'basic':
        return this.#basic(value, request);
      case 'bearer':
        return this.#bearer(value, header);
      default:
        return UNPROVED;
    }
  }

  #basic(encoded: string, request: HttpRequest): Awaitable<Identity> {
    const credentials = parseBasic(encoded);
    if (credentials === undefined) return UNPROVED;
    const { logins, trustedProxies } = this.#options;
    const proof = logins.check(credentials, clientAddress(request, trustedProxies));
    return proof instanceof Promise ? proof.then(accountOr) : accountOr(proof);
  }

  async #bearer(text: string, header: string): Promise<Identity> {
    const token = await this.#options.tokens.verify(text);
    if (token === undefined) return UNPROVED;
    const known: KnownToken = { identity: { kind: 'token', token }, version: -1 };
    this.#known.set(header, known);
    return this.#stillGood(header, known);
  }

  /** A token outlives neither its minutes nor the account, the password or the robot's token that it was bought with. */
  #stillGood(header: string, known: KnownToken): Identity {
    const { accounts, now } = this.#options;
    const { token } = known.identity;
    const { version } = accounts;
    const isOver = token.expiresAtMs <= now();
    if (!isOver && known.version === version) return known.identity;
    if (isOver || (token.proof !== undefined && !accounts.isGood(token.proof))) {
      this.#known.delete(header);
      return UNPROVED;
    }
    known.version = version;
    return known.identity;
  }
}

function accountOr(proof: Proof | undefined): Identity {
  return proof === undefined ? UNPROVED : { kind: 'account', proof };
}
