// What policy gives an account, within what its token is for.
import type { Proof } from '../../accounts/accounts.ts';
import type { Awaitable } from '../../async/awaitable.ts';
import { OciError } from '../../oci/errors.ts';
import type { UploadNames } from '../../store/push-rules.ts';
import type { AddressRanges } from '../address-ranges.ts';
import { clientAddress } from '../client-address.ts';
import type { HttpRequest } from '../distribution/request.ts';
import type { Authenticator, Identity } from './authenticator.ts';
import { type ChallengeOptions, type Challenged, challenge } from './challenge.ts';
import type { CanonicalRepository, Client, Clients } from './client.ts';
import { noteProof } from './note-proof.ts';
import { notHosted } from './not-hosted.ts';
import type { Action, Policy, Who } from './policy.ts';
import type { TokenAction } from './scope.ts';
import { uploadNames } from './upload-names.ts';

export interface AccountClientsOptions {
  readonly authenticator: Authenticator;
  readonly policy: Policy;
  readonly challenges: ChallengeOptions;
  readonly trustedProxies: AddressRanges;
  readonly uploadKey: Uint8Array;
}

interface Asked {
  readonly request: HttpRequest;
  readonly prefix?: string | undefined;
}

/** What a token has to be for, and what a client is told to ask for. */
const IN_TOKENS: Readonly<Record<Action, TokenAction>> = {
  pull: 'pull',
  push: 'push',
  fill: 'push',
  delete: 'delete',
  admin: 'delete',
};
const SCOPES: Readonly<Record<Action, string>> = {
  pull: 'pull',
  push: 'pull,push',
  fill: 'pull,push',
  delete: 'delete',
  admin: '*',
};

export class AccountClients implements Clients {
  readonly #options: AccountClientsOptions;

  constructor(options: AccountClientsOptions) {
    this.#options = options;
  }

  of(asked: Asked): Awaitable<Client> {
    const identity = this.#options.authenticator.identify(asked.request);
    return identity instanceof Promise
      ? identity.then((found) => this.#client(asked, found))
      : this.#client(asked, identity);
  }

  #client(asked: Asked, identity: Identity): Client {
    const proof = proofOf(identity);
    noteProof(asked.request, proof);
    return new AccountClient(this.#options, asked, identity, proof?.account);
  }
}

class AccountClient implements Client, Who {
  readonly #options: AccountClientsOptions;
  readonly #asked: Asked;
  readonly #identity: Identity;
  readonly account: string | undefined;

  constructor(options: AccountClientsOptions, asked: Asked, identity: Identity, account: string | undefined) {
    this.#options = options;
    this.#asked = asked;
    this.#identity = identity;
    this.account = account;
  }

  get address(): string {
    return clientAddress(this.#asked.request, this.#options.trustedProxies);
  }

  get seesPrivate(): boolean {
    return this.account !== undefined;
  }

  get uploads(): UploadNames {
    return uploadNames(this.#options.uploadKey, this.account);
  }

  admit(action: Action, { canonical, written }: CanonicalRepository): void {
    const { policy } = this.#options;
    const isAllowed = this.#identity.kind !== 'unproved' && policy.allows(this, canonical, action);
    if (isAllowed && this.#isInToken(action, canonical)) return;
    throw this.#refusal(action, { canonical, written }, isAllowed);
  }

  #refusal(action: Action, { canonical, written }: Omit<CanonicalRepository, 'isHosted'>, isAllowed: boolean): Error {
    const { policy } = this.#options;
    const { kind } = this.#identity;
    const scope = `repository:${written}:${SCOPES[action]}`;
    if (kind === 'unproved') return this.#challenge({ scope, error: 'invalid_token' });
    if (kind === 'anonymous') return this.#challenge({ scope });
    // Whoever may push, and has a name wrong, or the server's owner a pattern.
    if (action === 'fill' && policy.allows(this, canonical, 'push')) return notHosted(written);
    const who = this.account === undefined ? 'who has not logged in' : `the account ${this.account}`;
    const message = isAllowed ? undefined : `${who} may not ${DOES[action]} ${written} here`;
    if (kind === 'account') return new OciError('DENIED', message);
    // A token can be changed for one that gives more, if policy does. Also where it does not this is 401, as distribution
    // answers: of a 403 to a manifest containerd waits for the end for ever.
    return this.#challenge({ scope, error: 'insufficient_scope', message });
  }

  admitToServer(what: 'ping' | 'catalog' | 'unknown'): void {
    const scope = what === 'catalog' ? 'registry:catalog:*' : undefined;
    switch (this.#identity.kind) {
      case 'unproved':
        throw this.#challenge({ scope, error: 'invalid_token' });
      // Docker and podman look at this answer alone, so it has to say that there is a login.
      case 'anonymous':
        throw this.#challenge({ scope });
      case 'token':
        if (what === 'catalog' && !this.#identity.token.listsCatalog) {
          throw this.#challenge({ scope, error: 'insufficient_scope' });
        }
        return;
      case 'account':
    }
  }

  mayPull({ canonical }: Pick<CanonicalRepository, 'canonical'>, { inCatalog } = { inCatalog: false }): boolean {
    if (this.#identity.kind === 'unproved' || !this.#options.policy.allows(this, canonical, 'pull')) return false;
    return inCatalog || this.#isInToken('pull', canonical);
  }

  #isInToken(action: Action, canonical: string): boolean {
    if (this.#identity.kind !== 'token') return true;
    return this.#identity.token.access.get(canonical)?.includes(IN_TOKENS[action]) === true;
  }

  #challenge(told: Pick<Challenged, 'scope' | 'error' | 'message'>) {
    return challenge(this.#options.challenges, { ...this.#asked, ...told });
  }
}

function proofOf(identity: Identity): Proof | undefined {
  if (identity.kind === 'account') return identity.proof;
  return identity.kind === 'token' ? identity.token.proof : undefined;
}

const DOES: Readonly<Record<Action, string>> = {
  pull: 'pull',
  push: 'push to',
  fill: 'fill',
  delete: 'delete from',
  admin: 'administer',
};
