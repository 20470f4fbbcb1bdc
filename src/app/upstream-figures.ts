// What there is to tell of upstreams and their mirrors at the moment: for metrics, for the log, and for who asks.
import type { Traffic } from '../observe/traffic.ts';
import type { Mirror } from '../remote/mirror.ts';
import type { PullBudget, PullLedger } from '../remote/pull-ledger.ts';

/** What of an Upstream is looked at. */
export interface CountedUpstream {
  readonly name: string;
  readonly registry: {
    readonly name: string;
    readonly traffic: Traffic;
    readonly ledger: Pick<PullLedger, 'budget'>;
  };
  readonly mirrors: readonly CountedMirror[];
}

interface CountedMirror {
  readonly registry: { readonly name: string; readonly traffic: Traffic };
  readonly lie: Mirror['lie'];
}

/** `undefined`: it does not meter, or has not said so yet. A window that has passed has all its pulls again. */
export function pullsOf({ registry }: CountedUpstream, nowMs: number): PullBudget | undefined {
  const { budget } = registry.ledger;
  if (budget === undefined || budget.resetsByMs > nowMs) return budget;
  return { ...budget, remaining: budget.limit };
}

/** Upstreams by their names and mirrors by their addresses; a mirror of several upstreams is there several times. */
export function sourcesOf(upstreams: readonly CountedUpstream[]): { source: string; traffic: Traffic }[] {
  return upstreams.flatMap(({ registry, mirrors }) =>
    [registry, ...mirrors.map((mirror) => mirror.registry)].map(({ name, traffic }) => ({ source: name, traffic })),
  );
}

export function mirrorLies(upstreams: readonly CountedUpstream[]): { mirror: string; lie: Mirror['lie'] }[] {
  return upstreams.flatMap(({ mirrors }) => mirrors.map(({ registry, lie }) => ({ mirror: registry.name, lie })));
}
