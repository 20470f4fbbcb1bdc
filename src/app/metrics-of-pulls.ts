import type { Registry } from 'prom-client';
import type { PullMetrics } from '../observe/pull-metrics.ts';
import { addCounter, addGauges } from './metrics-collectors.ts';
import { type CountedUpstream, mirrorLies, pullsOf, sourcesOf } from './upstream-figures.ts';

export interface PullSources {
  readonly pulls: PullMetrics;
  /** Those of the moment. */
  readonly upstreams: () => readonly CountedUpstream[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How pulls through us are answered, and what that takes of the upstreams and their mirrors. */
export function addPullMetrics(registry: Registry, { pulls, upstreams, now }: PullSources): void {
  addCounter(
    registry,
    {
      name: 'wharf_pull_answers_total',
      help: 'Pulls of what is an upstream that were answered',
      labelNames: ['upstream', 'kind', 'outcome'],
    },
    () => pulls.counts.map(({ count, ...labels }) => ({ labels, value: count })),
  );
  addCounter(
    registry,
    {
      name: 'wharf_upstream_requests_total',
      help: 'Requests to upstreams and mirrors',
      labelNames: ['source', 'kind'],
    },
    () =>
      sourcesOf(upstreams()).flatMap(({ source, traffic }) =>
        [...traffic.counts].map(([kind, value]) => ({ labels: { source, kind }, value })),
      ),
  );
  addCounter(
    registry,
    {
      name: 'wharf_upstream_received_bytes_total',
      help: 'Bytes of bodies that came from upstreams and mirrors',
      labelNames: ['source'],
    },
    () => sourcesOf(upstreams()).map(({ source, traffic }) => ({ labels: { source }, value: traffic.receivedBytes })),
  );
  addCounter(
    registry,
    { name: 'wharf_mirror_lies_total', help: 'Mirrors that were caught with wrong bytes', labelNames: ['mirror'] },
    () => mirrorLies(upstreams()).map(({ mirror, lie }) => ({ labels: { mirror }, value: lie === undefined ? 0 : 1 })),
  );
  addBudgetMetrics(registry, { upstreams, now });
}

/** Of the upstreams that meter. */
function addBudgetMetrics(registry: Registry, { upstreams, now }: Omit<PullSources, 'pulls'>): void {
  const add = (name: string, help: string, valueOf: (pulls: NonNullable<ReturnType<typeof pullsOf>>) => number) =>
    addGauges(registry, { name, help, labelNames: ['upstream'] }, () =>
      upstreams().flatMap((upstream) => {
        const known = pullsOf(upstream, now());
        return known === undefined ? [] : [{ labels: { upstream: upstream.name }, value: valueOf(known) }];
      }),
    );
  add('wharf_pulls_left', 'Pulls that are left in this window', ({ remaining }) => remaining);
  add('wharf_pulls_limit', 'Pulls that a window has', ({ limit }) => limit);
  add('wharf_pulls_window_seconds', 'Length of the window', ({ windowSeconds }) => windowSeconds);
  add('wharf_pulls_reset_seconds', 'Until all pulls are back, at the latest', ({ resetsByMs }) =>
    Math.max(0, (resetsByMs - now()) / 1000),
  );
}
