import type { Registry } from 'prom-client';
import type { ReloadOutcome } from './config-reload.ts';
import { addCounter, addGauge } from './metrics-collectors.ts';
import type { DeliveryOutcome } from './notifier.ts';
import type { RunCount } from './served-jobs.ts';

export interface JobSources {
  readonly jobs: { readonly counts: readonly RunCount[]; readonly running: number };
  readonly notifications: Readonly<Record<DeliveryOutcome, number>>;
  readonly reloads: Readonly<Record<ReloadOutcome, number>>;
}

/** What a server does by itself. */
export function addJobMetrics(registry: Registry, { jobs, notifications, reloads }: JobSources): void {
  const byOutcome = (counts: Readonly<Record<string, number>>) => () =>
    Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value }));
  addCounter(
    registry,
    { name: 'wharf_job_runs_total', help: 'Runs of jobs that are over', labelNames: ['job', 'outcome'] },
    () => jobs.counts.map(({ job, outcome, count }) => ({ labels: { job, outcome }, value: count })),
  );
  addGauge(registry, 'wharf_jobs_running', 'Jobs that this server runs', async () => jobs.running);
  addCounter(
    registry,
    { name: 'wharf_notifications_total', help: 'Notifications of webhooks', labelNames: ['outcome'] },
    byOutcome(notifications),
  );
  addCounter(
    registry,
    { name: 'wharf_config_reloads_total', help: 'Readings of a changed configuration', labelNames: ['outcome'] },
    byOutcome(reloads),
  );
}
