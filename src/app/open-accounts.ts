// Who may log in at a server, what they may do, and where they get their tokens; or that it has no accounts.
import { AccountStore } from '../accounts/account-store.ts';
import type { AccountChange } from '../accounts/account-changes.ts';
import { Accounts } from '../accounts/accounts.ts';
import { HtpasswdFile } from '../accounts/htpasswd-file.ts';
import { PasswordChecks } from '../accounts/password-checks.ts';
import { Sessions } from '../accounts/sessions.ts';
import { SigningKeys } from '../accounts/signing-keys.ts';
import { type Clock, systemClock } from '../async/clock.ts';
import type { AccountsConfig, Config } from '../config/config.ts';
import { AccessTokens } from '../http/auth/access-token.ts';
import { AccountClients } from '../http/auth/account-client.ts';
import { adminOnly } from '../http/auth/admin-only.ts';
import { Authenticator } from '../http/auth/authenticator.ts';
import type { Clients } from '../http/auth/client.ts';
import { Logins } from '../http/auth/logins.ts';
import { Policy } from '../http/auth/policy.ts';
import { withTokenService } from '../http/auth/token-handler.ts';
import { unknownClients } from '../http/auth/unknown-client.ts';
import type { AddressRanges } from '../http/address-ranges.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import type { Log } from '../observe/log.ts';
import { isThisMachine } from './check-exposure.ts';
import { LoginLog } from './login-log.ts';
import { policyWarnings } from './policy-warnings.ts';
import type { ServedRegistry } from './served-registry.ts';
import { TokenUses } from './token-uses.ts';

export interface ServedAccounts extends AsyncDisposable {
  readonly clients: Clients;
  /** What answers where the registry listens. */
  withLogin(registry: ServedRegistry, handler: HttpHandler): HttpHandler;
  /** What answers an admin listener that others reach. */
  forAdmins(handler: HttpHandler): HttpHandler;
}

export interface ServedAccountsOptions {
  readonly config: Config;
  /** Those of the configuration. */
  readonly trustedProxies: AddressRanges;
  readonly log: Log;
}

/** A clock may be set while a token is good. */
const CLOCK_TOLERANCE_MS = 60_000;

/** To be disposed of after the server. Throws UsageError when a file of accounts cannot be used. */
export function openAccounts(options: ServedAccountsOptions): ServedAccounts {
  const { accounts } = options.config;
  return accounts === undefined ? noAccounts(options.config) : withAccounts(accounts, options);
}

function noAccounts({ anonymous }: Config): ServedAccounts {
  return {
    clients: unknownClients({ mayWrite: anonymous !== 'pull' }),
    withLogin: (_, handler) => handler,
    forAdmins: (handler) => handler,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function withAccounts(
  settings: AccountsConfig,
  { config, trustedProxies, log }: ServedAccountsOptions,
): ServedAccounts {
  const resources = new AsyncDisposableStack();
  const { dataFolder, externalUrl, upstreams } = config;
  const { service, tokenLifetimeMs, policy: rules, groups } = settings;
  const clock: Clock = systemClock;
  const now = () => clock.now();
  const htpasswd = openHtpasswd(settings, clock, log);
  const store = resources.use(AccountStore.open(dataFolder));
  const onChange = (change: AccountChange) => log.info('account changed', { ...change });
  const accounts = new Accounts({ store, htpasswd, now, onChange });
  if (isReadOnTheWay(config)) log.warn('passwords in clear');
  for (const warning of policyWarnings(config, accounts.names)) log.warn('policy means nothing', { warning });

  const policy = new Policy({ rules, groups });
  const uses = new TokenUses(store, now);
  const logins = new Logins({
    accounts,
    passwords: resources.use(new PasswordChecks()),
    clock,
    events: new LoginLog({ log, clock, tokenUsed: (id) => uses.note(id) }),
  });
  const keys = new SigningKeys({ store, now, keepForMs: tokenLifetimeMs + CLOCK_TOLERANCE_MS });
  const tokens = new AccessTokens({ keys, service, lifetimeMs: tokenLifetimeMs, now });
  const authenticator = new Authenticator({ accounts, logins, tokens, trustedProxies, now });
  const hosts = new Set([...upstreams.values()].flatMap((upstream) => upstream.hosts));
  const isUpstreamHost = (host: string) => hosts.has(host) || hosts.has(host.replace(/:\d+$/, ''));
  const challenges = { service, externalUrl, isUpstreamHost, trustedProxies };
  const uploadKey = store.secret('uploads');
  return {
    clients: new AccountClients({ authenticator, policy, challenges, trustedProxies, uploadKey }),
    withLogin: (registry, handler) =>
      withTokenService(
        {
          accounts,
          logins,
          tokens,
          sessions: new Sessions(store, service),
          policy,
          service,
          trustedProxies,
          canonicalName: (name, asked) => registry.canonicalName(name, asked),
          isPrefix: (component) => registry.isPrefix(component),
          now,
        },
        handler,
      ),
    forAdmins: (handler) => adminOnly({ authenticator, policy, trustedProxies }, handler),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Nobody reads along on this machine, or what goes by TLS; and whoever has a URL with https has TLS in front. */
function isReadOnTheWay({ listen, tls, externalUrl }: Config): boolean {
  return tls === undefined && !listen.every(isThisMachine) && externalUrl?.startsWith('https:') !== true;
}

function openHtpasswd({ htpasswdFile }: AccountsConfig, clock: Clock, log: Log): HtpasswdFile | undefined {
  if (htpasswdFile === undefined) return undefined;
  return new HtpasswdFile({
    file: htpasswdFile,
    clock,
    onChange(accounts, problem) {
      if (problem === undefined) log.info('htpasswd read', { accounts });
      else log.error('htpasswd refused', { problem, accounts });
    },
  });
}
