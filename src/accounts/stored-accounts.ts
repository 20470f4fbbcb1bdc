import { UsageError } from '../oci/usage-error.ts';
import type { AccountName } from './account-name.ts';
import type { AccountStore } from './account-store.ts';

export interface StoredAccount {
  readonly name: AccountName;
  /** A robot has none. */
  readonly passwordHash: string | undefined;
  readonly createdAtMs: number;
}

/** By name. */
export function listAccounts(store: AccountStore): readonly StoredAccount[] {
  return store.read('SELECT * FROM accounts ORDER BY name').map((row) => ({
    name: String(row['name']) as AccountName,
    passwordHash: typeof row['password_hash'] === 'string' ? row['password_hash'] : undefined,
    createdAtMs: Number(row['created_at']),
  }));
}

/** Throws UsageError when there is one of that name. */
export function addAccount(store: AccountStore, { name, passwordHash, createdAtMs }: StoredAccount): void {
  const added = store.write(
    'INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    name,
    passwordHash ?? null,
    createdAtMs,
  );
  if (added === 0)
    throw new UsageError(`there is an account ${name} already; \`wharf user passwd\` changes its password`);
}

/** Sessions that were opened with the old password end. Throws UsageError when there is no such account. */
export function setPassword(store: AccountStore, name: AccountName, passwordHash: string): void {
  const changed = store.write(
    'UPDATE accounts SET password_hash = ? WHERE name = ? AND password_hash IS NOT NULL',
    passwordHash,
    name,
  );
  if (changed === 0)
    throw new UsageError(`there is no account ${name} with a password; \`wharf user list\` shows them`);
}

/** Its tokens and sessions go along. Throws UsageError when there is no such account. */
export function removeAccount(store: AccountStore, name: AccountName): void {
  store.transaction(() => {
    const removed =
      store.write('DELETE FROM accounts WHERE name = ?', name) +
      store.write('DELETE FROM tokens WHERE account = ?', name) +
      store.write('DELETE FROM sessions WHERE account = ?', name);
    if (removed === 0) throw new UsageError(`there is no account ${name}; \`wharf user list\` shows them`);
  });
}
