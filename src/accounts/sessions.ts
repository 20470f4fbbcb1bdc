// What `docker login` keeps instead of the password: a secret that buys tokens, of one account for one service.
import type { AccountName } from './account-name.ts';
import type { AccountStore } from './account-store.ts';
import { hashOfSecret, newSecretToken } from './secret-token.ts';

export interface Session {
  readonly account: AccountName;
  /** Which password or token it was opened with: `Accounts` says whether that is still good. */
  readonly credential: string;
}

/** A machine that logs in at each start has many. */
const MAX_SESSIONS = 100;
const IDLE_MS = 90 * 86_400_000;
/** Writing down each use would cost more than the token. */
const NOTED_EVERY_MS = 3_600_000;

export class Sessions {
  readonly #store: AccountStore;
  readonly #service: string;

  constructor(store: AccountStore, service: string) {
    this.#store = store;
    this.#service = service;
  }

  /** Gives the secret. Of too many sessions of an account, the one that was not used for longest ends. */
  open({ account, credential }: Session, nowMs: number): string {
    const secret = newSecretToken();
    const store = this.#store;
    store.transaction(() => {
      store.write('DELETE FROM sessions WHERE used_at < ?', nowMs - IDLE_MS);
      store.write(
        `DELETE FROM sessions WHERE account = ?1 AND hash NOT IN
           (SELECT hash FROM sessions WHERE account = ?1 ORDER BY used_at DESC LIMIT ?2)`,
        account,
        MAX_SESSIONS - 1,
      );
      const values = [hashOfSecret(secret), account, this.#service, credential, nowMs];
      store.write('INSERT INTO sessions VALUES (?, ?, ?, ?, ?)', ...values);
    });
    return secret;
  }

  find(secret: string, nowMs: number): Session | undefined {
    const hash = hashOfSecret(secret);
    const [row] = this.#store.read('SELECT * FROM sessions WHERE hash = ? AND service = ?', hash, this.#service);
    const usedAtMs = Number(row?.['used_at']);
    if (row === undefined || usedAtMs < nowMs - IDLE_MS) return undefined;
    if (usedAtMs < nowMs - NOTED_EVERY_MS) {
      this.#store.write('UPDATE sessions SET used_at = ? WHERE hash = ?', nowMs, hash);
    }
    return { account: String(row['account']) as AccountName, credential: String(row['credential']) };
  }

  end(secret: string): void {
    this.#store.write('DELETE FROM sessions WHERE hash = ?', hashOfSecret(secret));
  }
}
