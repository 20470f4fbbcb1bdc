import { createHmac, hash, randomBytes } from 'node:crypto';
import { type AccountChange, type KnownLogins, accountChanges } from './account-changes.ts';
import type { AccountName } from './account-name.ts';
import type { AccountStore } from './account-store.ts';
import type { HtpasswdFile } from './htpasswd-file.ts';
import { type PasswordHash, hashOfNobody, parsePasswordHash } from './password-hash.ts';
import { listAccounts } from './stored-accounts.ts';
import { listTokens } from './stored-tokens.ts';

/** Who somebody has proved to be, and by what: a login is good as long as both are there, and the latter is the same. */
export interface Proof {
  readonly account: AccountName;
  /** Names a password, or a token, and tells nothing of it. */
  readonly credential: string;
}

export interface KnownToken extends Proof {
  readonly id: string;
  /** `Infinity`: never. */
  readonly expiresAtMs: number;
}

const OF_TOKEN = 'token:';

interface Snapshot extends KnownLogins {
  /** When the credential ends. */
  readonly credentials: ReadonlyMap<string, number>;
}

export interface AccountsOptions {
  readonly store: AccountStore;
  readonly htpasswd?: HtpasswdFile | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called when it is noticed, which is when somebody next logs in or comes with a login. */
  readonly onChange?: ((change: AccountChange) => void) | undefined;
}

/** Everybody who may log in, as of now. Where a file and the data folder have the same name, the file decides. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #key = randomBytes(32);
  readonly #nobody = hashOfNobody();
  #snapshot: Snapshot | undefined;
  #before: Snapshot | undefined;
  #versions = '';
  #hasLooked = false;
  #version = 0;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /**
   * Grows whenever somebody may have come, gone, or changed what he logs in with. Looked for once a turn of the event
   * loop: whoever is served in one turn asked before it began.
   */
  get version(): number {
    if (this.#hasLooked) return this.#version;
    this.#hasLooked = true;
    setImmediate(() => (this.#hasLooked = false));
    const { store, htpasswd } = this.#options;
    const versions = `${store.changes} ${htpasswd?.version}`;
    if (versions === this.#versions) return this.#version;
    this.#versions = versions;
    this.#before = this.#snapshot ?? this.#before;
    this.#snapshot = undefined;
    this.#version += 1;
    return this.#version;
  }

  get names(): ReadonlySet<string> {
    return this.#now.names;
  }

  /** `undefined` for a robot, and for nobody. */
  passwordOf(account: string): PasswordHash | undefined {
    return this.#now.passwords.get(account);
  }

  /** What to compare a password with for a name that has none, always the same: that takes as long as for the others. */
  decoyFor(account: string): PasswordHash {
    const hashes = [...this.#now.passwords.values()];
    const nth = createHmac('sha256', this.#key).update(account).digest().readUInt32BE() % Math.max(1, hashes.length);
    return hashes[nth] ?? this.#nobody;
  }

  token(secretHash: string): KnownToken | undefined {
    const token = this.#now.tokens.get(secretHash);
    return token !== undefined && token.expiresAtMs > this.#options.now() ? token : undefined;
  }

  isGood({ account, credential }: Proof): boolean {
    const { names, credentials } = this.#now;
    return names.has(account) && (credentials.get(`${account} ${credential}`) ?? 0) > this.#options.now();
  }

  get #now(): Snapshot {
    void this.version;
    if (this.#snapshot !== undefined) return this.#snapshot;
    const taken = this.#take();
    this.#snapshot = taken;
    const { onChange } = this.#options;
    if (this.#before !== undefined && onChange !== undefined) accountChanges(this.#before, taken).forEach(onChange);
    this.#before = undefined;
    return taken;
  }

  #take(): Snapshot {
    const { store, htpasswd } = this.#options;
    const passwords = new Map<string, PasswordHash>();
    const names = new Set<string>();
    for (const { name, passwordHash } of listAccounts(store)) {
      names.add(name);
      const parsed = passwordHash === undefined ? undefined : parsePasswordHash(passwordHash);
      if (parsed !== undefined) passwords.set(name, parsed);
    }
    for (const [name, password] of htpasswd?.passwords ?? []) {
      names.add(name);
      passwords.set(name, password);
    }
    const credentials = new Map<string, number>();
    for (const [name, password] of passwords) credentials.set(`${name} ${credentialOf(password)}`, Infinity);
    const tokens = new Map<string, KnownToken>();
    for (const { id, account, hash: secretHash, expiresAtMs = Infinity } of listTokens(store)) {
      if (!names.has(account)) continue;
      const credential = `${OF_TOKEN}${id}`;
      tokens.set(secretHash, { id, account, credential, expiresAtMs });
      credentials.set(`${account} ${credential}`, expiresAtMs);
    }
    return { passwords, names, tokens, credentials };
  }
}

/** The id of the robot's token that it is by, if it is by one. */
export function tokenIn({ credential }: Proof): string | undefined {
  return credential.startsWith(OF_TOKEN) ? credential.slice(OF_TOKEN.length) : undefined;
}

/** Hashes are salted: it differs for every password that was ever set. */
export function credentialOf(password: PasswordHash): string {
  return hash('sha256', password.text, 'base64url').slice(0, 16);
}
