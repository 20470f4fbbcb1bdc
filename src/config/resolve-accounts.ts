import type { AccountsConfig } from './config.ts';
import type { AccountsInput } from './accounts-schema.ts';
import type { ResolveContext } from './resolve-endpoint.ts';

/** What clients take for the shortest life of a token, whatever they are told. */
const MIN_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 3_600_000;
const ALL_ACTIONS = ['pull', 'push', 'delete', 'fill', 'admin'] as const;

export function resolveAccounts(
  input: AccountsInput | undefined,
  externalUrl: string | undefined,
  context: ResolveContext,
): AccountsConfig | undefined {
  if (input === undefined) return undefined;
  const { htpasswd, groups, policy, service, tokenLifetime } = input;
  if (tokenLifetime < MIN_LIFETIME_MS || tokenLifetime > MAX_LIFETIME_MS) {
    context.report(['accounts', 'tokenLifetime'], 'expected a duration from 1m to 1h');
  }
  for (const [index, { accounts, groups: named, anonymous }] of policy?.entries() ?? []) {
    if (accounts.length > 0 || named.length > 0 || anonymous) continue;
    context.report(
      ['accounts', 'policy', index],
      'this rule is for nobody; give it accounts, groups or anonymous: true',
    );
  }
  return {
    htpasswdFile: htpasswd === undefined ? undefined : context.resolvePath(htpasswd),
    groups: new Map(Object.entries(groups)),
    policy: policy ?? [
      { repositories: ['**'], accounts: ['*'], groups: [], anonymous: false, networks: [], allow: ALL_ACTIONS },
    ],
    service: service ?? (externalUrl === undefined ? 'wharf' : new URL(externalUrl).host),
    tokenLifetimeMs: tokenLifetime,
  };
}
