import type { Config } from '../config/config.ts';
import { AddressRanges } from '../http/address-ranges.ts';
import { unknownClients } from '../http/auth/unknown-client.ts';
import { withAccelRedirect } from '../http/distribution/accel-redirect.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import type { Log } from '../observe/log.ts';
import { parsePattern } from '../oci/pattern.ts';
import { type ServedAccounts, openAccounts } from './open-accounts.ts';
import type { Cache } from './open-cache.ts';
import type { Store } from './open-store.ts';
import { ServedRegistry, type ServedUpstream } from './served-registry.ts';
import { servedUpstreams } from './served-upstreams.ts';
import type { Session } from './session.ts';

/**
 * What a server makes of one configuration. A reload builds another of the same store and fills and takes its place at
 * once: a request that has begun ends with the one that it began with.
 */
export interface ServedConfiguration {
  readonly config: Config;
  readonly session: Session;
  readonly upstreams: ReadonlyMap<string, ServedUpstream>;
  readonly defaultUpstream: string | undefined;
  /** For the admin listener: who reaches that has been let in there. */
  readonly registry: ServedRegistry;
  readonly accounts: ServedAccounts;
  readonly handler: HttpHandler;
  readonly trustedProxies: AddressRanges;
}

export interface ServedParts {
  readonly session: Session;
  readonly store: Store;
  readonly cache: Pick<Cache, 'pullThrough'>;
  readonly log: Log;
}

/** Throws UsageError for what cannot be used, such as a file of certificates. Asks no upstream anything. */
export async function serveConfiguration({ session, store, cache, log }: ServedParts): Promise<ServedConfiguration> {
  const { config } = session;
  const { hosted, immutableTags, defaultUpstream, externalUrl } = config;
  const upstreams = await servedUpstreams(session);
  const stored = store.registry.withImmutable(immutableTags.map(parsePattern));
  const ownNames = externalUrl === undefined ? [] : [new URL(externalUrl).host];
  const parts = {
    store: { registry: stored, metadata: store.metadata },
    pullThrough: cache.pullThrough(stored),
    upstreams,
    defaultUpstream,
    serverNames: [...config.serverNames, ...ownNames],
    hosted: hosted.map(parsePattern),
  };
  const trustedProxies = new AddressRanges(config.trustedProxies);
  const accounts = openAccounts({ config, trustedProxies, log });
  const registry = new ServedRegistry({ ...parts, clients: accounts.clients });
  const administered = new ServedRegistry({ ...parts, clients: unknownClients({ mayWrite: true }) });
  const handler = accounts.withLogin(registry, accelerated(config, registryHandler(registry), trustedProxies));
  return { config, session, upstreams, defaultUpstream, registry: administered, accounts, handler, trustedProxies };
}

/** With an nginx in front that sends blobs itself. */
function accelerated(
  { accelRedirect: prefix }: Config,
  handler: HttpHandler,
  trustedProxies: AddressRanges,
): HttpHandler {
  if (prefix === undefined) return handler;
  return withAccelRedirect(handler, { prefix, isTrusted: ({ remoteAddress }) => trustedProxies.has(remoteAddress) });
}
