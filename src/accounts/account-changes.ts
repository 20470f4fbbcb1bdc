import type { KnownToken } from './accounts.ts';
import type { PasswordHash } from './password-hash.ts';

/** Who could log in at a moment. */
export interface KnownLogins {
  readonly names: ReadonlySet<string>;
  readonly passwords: ReadonlyMap<string, PasswordHash>;
  /** By the hash of their secret. */
  readonly tokens: ReadonlyMap<string, KnownToken>;
}

export interface AccountChange {
  readonly change: 'added' | 'removed' | 'password changed' | 'token created' | 'token revoked';
  readonly account: string;
  /** Its id. */
  readonly token?: string;
}

export function accountChanges(before: KnownLogins, after: KnownLogins): readonly AccountChange[] {
  const each = (change: AccountChange['change'], names: Iterable<string>) =>
    [...names].map((account): AccountChange => ({ change, account }));
  const tokensIn = (some: KnownLogins, others: KnownLogins) =>
    [...some.tokens].filter(([hash]) => !others.tokens.has(hash)).map(([, token]) => token);
  const changed = [...after.passwords].filter(([name, { text }]) => {
    const old = before.passwords.get(name);
    return before.names.has(name) && old?.text !== text;
  });
  return [
    ...each('added', after.names.difference(before.names)),
    ...each('removed', before.names.difference(after.names)),
    ...each(
      'password changed',
      changed.map(([name]) => name),
    ),
    ...tokensIn(after, before).map(({ account, id }) => ({ change: 'token created' as const, account, token: id })),
    ...tokensIn(before, after).map(({ account, id }) => ({ change: 'token revoked' as const, account, token: id })),
  ];
}
