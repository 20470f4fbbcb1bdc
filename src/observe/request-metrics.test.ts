import { expect, test } from 'vitest';
import { DURATION_BOUNDS_MS, type FinishedRequest, RequestMetrics } from './request-metrics.ts';

const REQUEST: FinishedRequest = {
  method: 'GET',
  route: 'manifest',
  status: 200,
  bytesSent: 10,
  durationMs: 1,
  isComplete: true,
};

function metricsOf(...requests: readonly Partial<FinishedRequest>[]): RequestMetrics {
  const metrics = new RequestMetrics();
  for (const request of requests) {
    metrics.begin();
    metrics.finish({ ...REQUEST, ...request });
  }
  return metrics;
}

test('requests are counted by route, method and status', () => {
  const { routes } = metricsOf({}, {}, { status: 404 }, { route: 'blob', method: 'HEAD' });
  expect([...routes.keys()]).toEqual(['manifest', 'blob']);
  expect(routes.get('manifest')?.counts).toEqual([
    { method: 'GET', status: '200', count: 2 },
    { method: 'GET', status: '404', count: 1 },
  ]);
  expect(routes.get('manifest')?.sentBytes).toBe(30);
  expect(routes.get('blob')?.counts).toEqual([{ method: 'HEAD', status: '200', count: 1 }]);
});

test('methods that nobody knows and paths that are no endpoint are one each, however many there are', () => {
  const { routes } = metricsOf(
    ...['BREW', 'PROPFIND', 'M-SEARCH'].map((method) => ({ method, route: undefined, status: 404 })),
  );
  expect([...routes.keys()]).toEqual(['other']);
  expect(routes.get('other')?.counts).toEqual([{ method: 'other', status: '404', count: 3 }]);
});

test('an answer that a client did not wait for is incomplete, whatever its status would have been', () => {
  const manifest = metricsOf({ isComplete: false, status: 500 }).routes.get('manifest');
  expect(manifest?.counts).toEqual([{ method: 'GET', status: 'incomplete', count: 1 }]);
  expect(manifest?.incomplete).toBe(1);
});

test('a duration is in every bucket whose bound it does not exceed, and in the last, which has none', () => {
  const manifest = metricsOf({ durationMs: 0 }, { durationMs: 1 }, { durationMs: 1.01 }, { durationMs: 1e9 });
  const durations = manifest.routes.get('manifest')?.durations.counts ?? [];
  expect(durations).toHaveLength(DURATION_BOUNDS_MS.length + 1);
  expect(durations.slice(0, 2)).toEqual([2, 3]);
  expect(durations.slice(-2)).toEqual([3, 4]);
});

test('the first byte counts by itself, and not for a request that got none', () => {
  const blob = metricsOf({ durationMs: 7000, firstByteMs: 3 }, { durationMs: 9000, firstByteMs: undefined });
  const { firstBytes } = blob.routes.get('manifest') ?? {};
  expect([firstBytes?.counts.at(1), firstBytes?.counts.at(-1), firstBytes?.sumMs]).toEqual([1, 1, 3]);
});

test('a request is in flight until it is over', () => {
  const metrics = new RequestMetrics();
  metrics.begin();
  metrics.begin();
  metrics.finish(REQUEST);
  expect(metrics.inFlight).toBe(1);
});
