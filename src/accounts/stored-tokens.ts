import { randomBytes } from 'node:crypto';
import { UsageError } from '../oci/usage-error.ts';
import type { AccountName } from './account-name.ts';
import type { AccountStore } from './account-store.ts';
import { hashOfSecret, newSecretToken } from './secret-token.ts';

export interface StoredToken {
  /** For people, to revoke it by. */
  readonly id: string;
  readonly account: AccountName;
  readonly hash: string;
  readonly description: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly usedAtMs: number | undefined;
}

export interface NewToken {
  readonly account: AccountName;
  readonly description: string;
  readonly nowMs: number;
  readonly expiresAtMs: number | undefined;
}

const MAX_TOKENS = 100;

/** The only time that the token itself is seen. Throws UsageError when the account has too many. */
export function createToken(
  store: AccountStore,
  { account, description, nowMs, expiresAtMs }: NewToken,
): { readonly id: string; readonly secret: string } {
  const [id, secret] = [randomBytes(4).toString('hex'), newSecretToken()];
  store.transaction(() => {
    const [row] = store.read('SELECT count(*) AS count FROM tokens WHERE account = ?', account);
    if (Number(row?.['count']) >= MAX_TOKENS) {
      throw new UsageError(
        `${account} has ${MAX_TOKENS} tokens; revoke those that nobody uses: \`wharf user token list\``,
      );
    }
    store.write(
      'INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)',
      id,
      account,
      hashOfSecret(secret),
      description,
      nowMs,
      expiresAtMs ?? null,
    );
  });
  return { id, secret };
}

/** By account, the oldest first. */
export function listTokens(store: AccountStore): readonly StoredToken[] {
  const time = (value: unknown) => (value === null ? undefined : Number(value));
  return store.read('SELECT * FROM tokens ORDER BY account, created_at').map((row) => ({
    id: String(row['id']),
    account: String(row['account']) as AccountName,
    hash: String(row['hash']),
    description: String(row['description']),
    createdAtMs: Number(row['created_at']),
    expiresAtMs: time(row['expires_at']),
    usedAtMs: time(row['used_at']),
  }));
}

/** Throws UsageError when there is none. */
export function revokeToken(store: AccountStore, id: string): void {
  if (store.write('DELETE FROM tokens WHERE id = ?', id) > 0) return;
  throw new UsageError(`there is no token ${JSON.stringify(id.slice(0, 100))}; \`wharf user token list\` shows them`);
}

/** For people who wonder whether a token may go. */
export function noteTokenUse(store: AccountStore, id: string, nowMs: number): void {
  store.write('UPDATE tokens SET used_at = ? WHERE id = ?', nowMs, id);
}
