// What /metrics tells. The only folder that knows prom-client; docs/metrics.md explains each name.
import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Fills } from '../content/filling/fills.ts';
import type { Limiter } from '../http/limits/limiter.ts';
import type { RequestMetrics } from '../observe/request-metrics.ts';
import { addCounter, addGauge } from './metrics-collectors.ts';
import { type JobSources, addJobMetrics } from './metrics-of-jobs.ts';
import { type PullSources, addPullMetrics } from './metrics-of-pulls.ts';
import { addRequestMetrics } from './metrics-of-requests.ts';

export interface MetricsSources extends PullSources, JobSources {
  readonly requests: RequestMetrics;
  readonly limiter: Pick<Limiter, 'refused'>;
  readonly lostLogLines: () => number;
  readonly store: StoreFigures;
  readonly fills: Pick<Fills, 'figures'>;
}

/** Looked up when somebody asks. What rejects is not told. */
export interface StoreFigures {
  disk(): Promise<{ readonly sizeBytes: number; readonly freeBytes: number }>;
  databaseBytes(): Promise<number>;
  openUploads(): Promise<number>;
}

export function openMetrics({ requests, limiter, lostLogLines, store, fills, ...others }: MetricsSources): Registry {
  const registry = new Registry();
  addRequestMetrics(registry, requests);
  const limited = { name: 'wharf_http_limited_total', help: 'What the limits refused', labelNames: ['limit'] };
  addCounter(registry, limited, () =>
    Object.entries(limiter.refused).map(([limit, value]) => ({ labels: { limit }, value })),
  );
  addPullMetrics(registry, others);
  addJobMetrics(registry, others);
  const disk = async (of: 'sizeBytes' | 'freeBytes') => (await store.disk())[of];
  addGauge(registry, 'wharf_data_size_bytes', 'Size of the disk that has the data folder', () => disk('sizeBytes'));
  addGauge(registry, 'wharf_data_free_bytes', 'What is free of it for this process', () => disk('freeBytes'));
  addGauge(registry, 'wharf_database_bytes', 'Size of the database of the store', () => store.databaseBytes());
  addGauge(registry, 'wharf_uploads_open', 'Uploads that were begun and are not over', () => store.openUploads());
  addGauge(registry, 'wharf_fills_running', 'Blobs that are being fetched', async () => fills.figures.running);
  const unfollowed = async () => fills.figures.unfollowed;
  addGauge(registry, 'wharf_fills_unfollowed', 'Those of them that nobody waits for any more', unfollowed);
  const lostLines = { name: 'wharf_log_lines_lost_total', help: 'Lines of the log that nobody took', labelNames: [] };
  addCounter(registry, lostLines, () => [{ labels: {}, value: lostLogLines() }]);
  collectDefaultMetrics({ register: registry });
  return registry;
}
