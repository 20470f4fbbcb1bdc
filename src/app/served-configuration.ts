import type { Config } from '../config/config.ts';
import { withAccelRedirect } from '../http/distribution/accel-redirect.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import { parsePattern } from '../oci/pattern.ts';
import type { Cache } from './open-cache.ts';
import type { Store } from './open-store.ts';
import { ServedRegistry, type ServedUpstream } from './served-registry.ts';
import { servedUpstreams } from './served-upstreams.ts';
import type { Session } from './session.ts';
import { trustedProxy } from './trusted-proxy.ts';

/**
 * What a server makes of one configuration. A reload builds another of the same store and fills and takes its place at
 * once: a request that has begun ends with the one that it began with.
 */
export interface ServedConfiguration {
  readonly config: Config;
  readonly session: Session;
  readonly upstreams: ReadonlyMap<string, ServedUpstream>;
  readonly defaultUpstream: string | undefined;
  readonly registry: ServedRegistry;
  readonly handler: HttpHandler;
  /** By its address. */
  readonly isTrustedProxy: (address: string) => boolean;
}

export interface ServedParts {
  readonly session: Session;
  readonly store: Store;
  readonly cache: Pick<Cache, 'pullThrough'>;
}

/** Throws UsageError for what cannot be used, such as a file of certificates. Asks no upstream anything. */
export async function serveConfiguration({ session, store, cache }: ServedParts): Promise<ServedConfiguration> {
  const { config } = session;
  const { hosted, immutableTags, defaultUpstream, externalUrl } = config;
  const upstreams = await servedUpstreams(session);
  const stored = store.registry.withImmutable(immutableTags.map(parsePattern));
  const ownNames = externalUrl === undefined ? [] : [new URL(externalUrl).host];
  const registry = new ServedRegistry({
    store: { registry: stored, metadata: store.metadata },
    pullThrough: cache.pullThrough(stored),
    upstreams,
    defaultUpstream,
    serverNames: [...config.serverNames, ...ownNames],
    hosted: hosted.map(parsePattern),
  });
  const isTrustedProxy = trustedProxy(config);
  const handler = accelerated(config, registryHandler(registry), isTrustedProxy);
  return { config, session, upstreams, defaultUpstream, registry, handler, isTrustedProxy };
}

/** With an nginx in front that sends blobs itself. */
function accelerated(
  { accelRedirect: prefix }: Config,
  handler: HttpHandler,
  isTrustedProxy: ServedConfiguration['isTrustedProxy'],
): HttpHandler {
  if (prefix === undefined) return handler;
  return withAccelRedirect(handler, { prefix, isTrusted: ({ remoteAddress }) => isTrustedProxy(remoteAddress) });
}
