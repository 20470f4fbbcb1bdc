import type { Registry } from 'prom-client';
import type { RequestMetrics, RouteMetrics } from '../observe/request-metrics.ts';
import { addCounter, addDurations, addGauge } from './metrics-collectors.ts';

/** What is asked of us. */
export function addRequestMetrics(registry: Registry, requests: RequestMetrics): void {
  const eachRoute = (valueOf: (metrics: RouteMetrics) => number) => () =>
    [...requests.routes].map(([route, metrics]) => ({ labels: { route }, value: valueOf(metrics) }));
  const eachDuration = (of: 'durations' | 'firstBytes') => () =>
    [...requests.routes].map(([route, metrics]) => ({ labels: { route }, durations: metrics[of] }));
  const byRoute = (name: string, help: string) => ({ name, help, labelNames: ['route'] });

  addCounter(
    registry,
    { name: 'wharf_http_requests_total', help: 'Requests', labelNames: ['method', 'route', 'status'] },
    () =>
      [...requests.routes].flatMap(([route, { counts }]) =>
        counts.map(({ method, status, count }) => ({ labels: { method, route, status }, value: count })),
      ),
  );
  addCounter(
    registry,
    byRoute('wharf_http_sent_bytes_total', 'Bytes of bodies that were sent'),
    eachRoute(({ sentBytes }) => sentBytes),
  );
  addCounter(
    registry,
    byRoute('wharf_http_incomplete_total', 'Requests whose client did not get the whole answer'),
    eachRoute(({ incomplete }) => incomplete),
  );
  addGauge(registry, 'wharf_http_requests_in_flight', 'Requests that are not over', async () => requests.inFlight);
  addDurations(
    registry,
    byRoute('wharf_http_request_seconds', 'From the head of a request to the end of its answer'),
    eachDuration('durations'),
  );
  addDurations(
    registry,
    byRoute('wharf_http_first_byte_seconds', 'From the head of a request to the first byte of its answer'),
    eachDuration('firstBytes'),
  );
}
