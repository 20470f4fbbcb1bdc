import { expect, test } from 'vitest';
import { PullMetrics } from './pull-metrics.ts';

test('pulls are counted by upstream, kind and outcome, and what never happened is not told', () => {
  const metrics = new PullMetrics();
  const manifest = { upstream: 'docker.io', kind: 'manifest' } as const;
  metrics.count('miss', manifest);
  for (let count = 0; count < 3; count += 1) metrics.count('hit', manifest);
  metrics.count('stale', { upstream: 'ghcr.io', kind: 'manifest' });
  metrics.count('hit', { upstream: 'docker.io', kind: 'blob' });
  expect(metrics.counts).toEqual([
    { ...manifest, outcome: 'hit', count: 3 },
    { ...manifest, outcome: 'miss', count: 1 },
    { upstream: 'docker.io', kind: 'blob', outcome: 'hit', count: 1 },
    { upstream: 'ghcr.io', kind: 'manifest', outcome: 'stale', count: 1 },
  ]);
});
