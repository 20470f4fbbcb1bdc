// Whether a name and a password, or a token in its place, are right. What was right a moment ago is known by a keyed hash
// of both, in memory alone, so that a client that sends them with each request costs one slow comparison.
import { hash as hashOf, randomBytes } from 'node:crypto';
import { type Accounts, type Proof, credentialOf } from '../../accounts/accounts.ts';
import { isAccountName } from '../../accounts/account-name.ts';
import { type PasswordChecks, TooManyLogins } from '../../accounts/password-checks.ts';
import { hashOfSecret, isSecretToken } from '../../accounts/secret-token.ts';
import type { Clock } from '../../async/clock.ts';
import { SingleFlight } from '../../async/single-flight.ts';
import { Refusal } from '../distribution/errors.ts';
import type { BasicCredentials } from './basic-credentials.ts';
import { BoundedMap } from './bounded-map.ts';
import { type LoginAttempt, LoginThrottle } from './login-throttle.ts';

export interface LoginEvents {
  failed(attempt: LoginAttempt): void;
  tokenUsed(id: string): void;
}

export interface LoginsOptions {
  readonly accounts: Accounts;
  readonly passwords: Pick<PasswordChecks, 'check'>;
  readonly clock: Clock;
  readonly events: LoginEvents;
}

interface Remembered {
  readonly proof: Proof;
  readonly untilMs: number;
}

const REMEMBERED_FOR_MS = 5 * 60_000;
const MAX_REMEMBERED = 10_000;
/** When all who may wait do so already. */
const BUSY_RETRY_MS = 2000;

export class Logins {
  readonly #options: LoginsOptions;
  readonly #throttle: LoginThrottle;
  readonly #key = randomBytes(32).toString('base64');
  readonly #remembered = new BoundedMap<string, Remembered>(MAX_REMEMBERED);
  readonly #checking = new SingleFlight<string, Proof | undefined>();

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.#throttle = new LoginThrottle(options.clock);
  }

  /** `undefined`: they are wrong. Throws a Refusal (429) for whoever failed too often, or when too many log in at once. */
  check(credentials: BasicCredentials, address: string): Proof | undefined | Promise<Proof | undefined> {
    const { username, password } = credentials;
    if (isSecretToken(password)) return this.#checkToken(credentials, address);
    // As good as an HMAC for what nobody sees, and a tenth of its cost.
    const key = hashOf('sha256', `${this.#key}${username}\0${password}`, 'base64');
    const remembered = this.#remembered.get(key);
    const { accounts, clock } = this.#options;
    if (remembered !== undefined && remembered.untilMs > clock.monotonic() && accounts.isGood(remembered.proof)) {
      return remembered.proof;
    }
    return this.#checking.run(`${key} ${address}`, async () => {
      const proof = await this.#checkPassword(credentials, address);
      if (proof !== undefined) this.#remembered.set(key, { proof, untilMs: clock.monotonic() + REMEMBERED_FOR_MS });
      return proof;
    });
  }

  /** Of a secret that is none: throws a Refusal (429) where too many came from there. */
  refuseGuess(address: string): void {
    const attempt = { account: '', address };
    this.#checkMayTry(attempt);
    this.#fail(attempt);
  }

  /** What is found by its hash is right: nobody guesses it. */
  #checkToken({ username, password }: BasicCredentials, address: string): Proof | undefined {
    const { accounts, events } = this.#options;
    const attempt = { account: username, address };
    const token = accounts.token(hashOfSecret(password));
    if (token?.account === username) {
      events.tokenUsed(token.id);
      return { account: token.account, credential: token.credential };
    }
    this.#checkMayTry(attempt);
    this.#fail(attempt);
    return undefined;
  }

  async #checkPassword({ username, password }: BasicCredentials, address: string): Promise<Proof | undefined> {
    const { accounts, passwords } = this.#options;
    const attempt = { account: username, address };
    const mayTry = () => this.#checkMayTry(attempt);
    mayTry();
    const hash = accounts.passwordOf(username);
    const isRight = await passwords.check(password, hash ?? accounts.decoyFor(username), mayTry).catch(refuseCrowd);
    if (!isRight || hash === undefined || !isAccountName(username)) {
      this.#fail(attempt);
      return undefined;
    }
    this.#throttle.succeeded(attempt);
    return { account: username, credential: credentialOf(hash) };
  }

  #checkMayTry(attempt: LoginAttempt): void {
    const waitMs = this.#throttle.waitMs(attempt);
    if (waitMs > 0) throw tooMany('too many logins have failed', waitMs);
  }

  #fail(attempt: LoginAttempt): void {
    this.#throttle.failed(attempt);
    this.#options.events.failed(attempt);
  }
}

function refuseCrowd(error: unknown): never {
  throw error instanceof TooManyLogins ? tooMany('too many clients log in at once', BUSY_RETRY_MS) : error;
}

function tooMany(what: string, waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1000);
  return new Refusal(429, 'TOOMANYREQUESTS', `${what}; try again in ${seconds} s`, { 'retry-after': seconds });
}
