import { DOCKER_HUB } from '../oci/reference.ts';
import type { Config } from './config.ts';
import { isSameAddress } from './listen-address.ts';
import { resolveAccounts } from './resolve-accounts.ts';
import { type ResolveContext, resolveKeyPair } from './resolve-endpoint.ts';
import { namesOf, resolveJobs } from './resolve-jobs.ts';
import { resolveWebhooks } from './resolve-webhooks.ts';
import { resolveUpstreams } from './resolve-upstreams.ts';
import type { ConfigInput } from './schema.ts';

/** From values that are right each by itself to a configuration that is right as a whole. */
export function resolveConfig(input: ConfigInput, context: ResolveContext): Config {
  const upstreams = resolveUpstreams(input.upstreams, context);
  const defaultUpstream = resolveDefaultUpstream(input.defaultUpstream, upstreams, context);
  const config: Config = {
    listen: Array.isArray(input.listen) ? input.listen : [input.listen],
    admin: input.admin === 'off' ? undefined : input.admin,
    tls: input.tls && resolveKeyPair(input.tls, context),
    dataFolder: context.resolvePath(input.data),
    externalUrl: input.externalUrl,
    serverNames: input.serverNames,
    trustedProxies: input.trustedProxies,
    accelRedirect: input.accelRedirect,
    accounts: resolveAccounts(input.accounts, input.externalUrl, context),
    anonymous: input.anonymous,
    defaultUpstream,
    upstreams,
    hosted: input.hosted,
    immutableTags: input.immutableTags,
    limits: { total: resolveUse(input.limits.total), perClient: resolveUse(input.limits.perClient) },
    cache: {
      maxSizeBytes: input.cache.maxSize,
      maxIdleMs: input.cache.maxIdle,
      maxAgeMs: input.cache.maxAge,
    },
    sync: resolveJobs(input.sync, { upstreams, defaultUpstream }, context),
    notify: resolveWebhooks(input.notify, context),
  };
  checkListeners(config, context);
  checkAnonymous(config, context);
  checkHosted(config, context);
  checkAccelRedirect(config, context);
  return config;
}

function resolveUse({ connections, requests, bandwidth, uploads }: ConfigInput['limits']['total']) {
  return { connections, requestsPerSecond: requests, bytesPerSecond: bandwidth, uploads };
}

function resolveDefaultUpstream(
  name: string | undefined,
  upstreams: Config['upstreams'],
  context: ResolveContext,
): string | undefined {
  if (name === undefined) return upstreams.has(DOCKER_HUB) ? DOCKER_HUB : undefined;
  if (name === 'none') return undefined;
  if (!upstreams.has(name)) {
    context.report(['defaultUpstream'], `expected none or the name of an upstream (${namesOf(upstreams, name)})`);
  }
  return name;
}

function checkListeners({ listen, admin }: Config, context: ResolveContext): void {
  if (admin !== undefined && listen.some((address) => isSameAddress(address, admin))) {
    context.report(['admin'], 'this is where the registry listens; the console needs an address of its own');
  }
}

// Who is not trusted is never told of a file, so it would do nothing.
function checkAccelRedirect({ accelRedirect, trustedProxies }: Config, context: ResolveContext): void {
  if (accelRedirect !== undefined && trustedProxies.length === 0) {
    context.report(['accelRedirect'], 'this is for a proxy whose address is listed under trustedProxies, and none is');
  }
}

// Two places that say who may do what would be read as one.
function checkAnonymous({ accounts, anonymous }: Config, context: ResolveContext): void {
  if (accounts === undefined || anonymous === 'local') return;
  context.report(['anonymous'], 'there are accounts; write a rule of accounts.policy with anonymous: true instead');
}

// Such a request would mean the upstream and the repository of our own at once.
function checkHosted({ hosted, upstreams }: Config, context: ResolveContext): void {
  const claimed = new Set([...upstreams.values()].flatMap(({ name, path }) => [name, path]));
  for (const [index, pattern] of hosted.entries()) {
    const first = pattern.split('/', 1)[0];
    if (claimed.has(first)) {
      context.report(['hosted', index], 'a pattern of hosted repositories cannot begin with the name of an upstream');
    }
  }
}
