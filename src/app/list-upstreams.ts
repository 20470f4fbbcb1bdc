import type { UpstreamStatus } from '../http/admin/admin-subject.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import type { Upstream } from '../remote/upstream.ts';
import { pullsOf } from './upstream-figures.ts';

/** How the upstreams fare, as far as is known: asks none of them anything. */
export function listUpstreams(upstreams: readonly Upstream[], nowMs: number): readonly UpstreamStatus[] {
  return upstreams.map((upstream) => ({
    name: upstream.name,
    state: stateOf(upstream.registry),
    pulls: describePulls(upstream, nowMs),
    mirrors: upstream.mirrors.map(({ registry, lie }) => ({ url: registry.name, ...(lie && { lie }) })),
  }));
}

function stateOf(registry: RemoteRegistry): UpstreamStatus['state'] {
  const { health } = registry.network.origin(registry.url);
  if (health.isDown) return 'down';
  if (registry.pullsBackByMs !== undefined) return 'limited';
  return health.isBenched ? 'paused' : 'ok';
}

function describePulls(upstream: Upstream, nowMs: number): UpstreamStatus['pulls'] {
  const pulls = pullsOf(upstream, nowMs);
  if (pulls === undefined) return null;
  const { limit, remaining, windowSeconds, resetsByMs } = pulls;
  return { limit, remaining, windowSeconds, resetsBy: new Date(resetsByMs).toISOString() };
}
