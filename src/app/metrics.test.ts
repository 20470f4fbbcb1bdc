import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PullMetrics } from '../observe/pull-metrics.ts';
import { RequestMetrics } from '../observe/request-metrics.ts';
import { Traffic } from '../observe/traffic.ts';
import { digestOf } from '../oci/digest.ts';
import { type MetricsSources, type StoreFigures, openMetrics } from './metrics.ts';

const FIGURES: StoreFigures = {
  disk: async () => ({ sizeBytes: 100, freeBytes: 40 }),
  databaseBytes: async () => 7,
  openUploads: async () => 2,
};
const NOW_MS = Date.parse('2026-11-23T10:00:00Z');
const ANSWERED = { method: 'GET', route: 'blob', status: 200, bytesSent: 5, durationMs: 2, isComplete: true } as const;
const JOBS = {
  jobs: { counts: [{ job: 'library', outcome: 'done', count: 2 }], running: 1 },
  notifications: { delivered: 5, failed: 1, dropped: 0 },
  reloads: { applied: 3, refused: 1 },
} as const;
const DEFAULTS = /^(?:process|nodejs)_/;

const lines = async (sources: Partial<MetricsSources> = {}) => (await opened(sources).metrics()).split('\n');

function opened(sources: Partial<MetricsSources>) {
  const requests = new RequestMetrics();
  const pulls = new PullMetrics();
  const lostLogLines = () => 3;
  const fills = { figures: { running: 3, unfollowed: 1 } };
  const limiter = { refused: { connections: 1, requests: 2, uploads: 3 } };
  const others = { limiter, store: FIGURES, pulls, fills, upstreams: () => [], ...JOBS, now: () => NOW_MS };
  return openMetrics({ requests, lostLogLines, ...others, ...sources });
}

/** An upstream that meters, with one mirror, and what was exchanged with both. */
function upstream({ name = 'docker.io', mirror = 'https://mirror.example', resetsInMs = 90_000, isLiar = false } = {}) {
  const [traffic, mirrored] = [new Traffic(), new Traffic()];
  traffic.count('manifestHead');
  traffic.count('manifestHead');
  traffic.receivedBytes = 20;
  mirrored.count('manifestGet');
  mirrored.receivedBytes = 7;
  const budget = { limit: 100, remaining: 76, windowSeconds: 3600, resetsByMs: NOW_MS + resetsInMs };
  const lie = isLiar ? { digest: digestOf('x'), proof: 'hashes to something else' } : undefined;
  return {
    name,
    registry: { name, traffic, ledger: { budget } },
    mirrors: [{ registry: { name: mirror, traffic: mirrored }, lie }],
  };
}

/** A row for each metric: name, type, labels. */
async function printed(): Promise<string[][]> {
  const requests = new RequestMetrics();
  requests.begin();
  requests.finish({ ...ANSWERED, firstByteMs: 1 });
  const pulls = new PullMetrics();
  pulls.count('hit', { upstream: 'docker.io', kind: 'blob' });
  const all = await lines({ requests, pulls, upstreams: () => [upstream()] });
  return [...all.join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => {
    const sample = all.find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name}_sum{`)) ?? '';
    return [name, type, [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label).join(' ')];
  });
}

function documented(): string[][] {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+\*?)` \| (\w*) \| ([^|]*) \|/gm)];
  return rows.map(([, name = '', type = '', labels = '']) => [name, type, labels.replaceAll(/[`,]/g, '').trim()]);
}

test('docs/metrics.md lists exactly what is printed, with its type and labels', async () => {
  const rows = await printed();
  const ours = rows.filter(([name = '']) => !DEFAULTS.test(name));
  const prefixes = new Set(rows.flatMap(([name = '']) => DEFAULTS.exec(name)?.[0] ?? []));
  const wanted = [...ours, ...[...prefixes].map((prefix) => [`${prefix}*`, '', ''])];
  expect(new Set(documented())).toEqual(new Set(wanted));
});

test('what the limits refused is told by limit', async () => {
  const limited = (await lines()).filter((line) => line.startsWith('wharf_http_limited_total'));
  expect(limited).toEqual(
    ['connections', 'requests', 'uploads'].map(
      (limit, index) => `wharf_http_limited_total{limit="${limit}"} ${index + 1}`,
    ),
  );
});

test('a request is in every figure of its route', async () => {
  const requests = new RequestMetrics();
  for (const durationMs of [2, 700_000]) {
    requests.begin();
    requests.finish({ ...ANSWERED, durationMs, firstByteMs: 3 });
  }
  requests.begin();
  const text = await lines({ requests });
  expect(text).toEqual(
    expect.arrayContaining([
      'wharf_http_requests_total{method="GET",route="blob",status="200"} 2',
      'wharf_http_sent_bytes_total{route="blob"} 10',
      'wharf_http_incomplete_total{route="blob"} 0',
      'wharf_http_requests_in_flight 1',
      'wharf_http_request_seconds_bucket{route="blob",le="0.001"} 0',
      'wharf_http_request_seconds_bucket{route="blob",le="0.005"} 1',
      'wharf_http_request_seconds_bucket{route="blob",le="300"} 1',
      'wharf_http_request_seconds_bucket{route="blob",le="+Inf"} 2',
      'wharf_http_request_seconds_sum{route="blob"} 700.002',
      'wharf_http_request_seconds_count{route="blob"} 2',
      'wharf_http_first_byte_seconds_bucket{route="blob",le="0.001"} 0',
      'wharf_http_first_byte_seconds_bucket{route="blob",le="0.005"} 2',
      'wharf_http_first_byte_seconds_sum{route="blob"} 0.006',
    ]),
  );
});

test('figures are those of the moment, however often one asks', async () => {
  const requests = new RequestMetrics();
  const registry = opened({ requests });
  for (let count = 1; count <= 3; count += 1) {
    requests.begin();
    requests.finish({ method: 'GET', route: 'tags', status: 404, bytesSent: 0, durationMs: 1, isComplete: true });
    const text = await registry.metrics();
    expect(text).toContain(`wharf_http_requests_total{method="GET",route="tags",status="404"} ${count}\n`);
    expect(text).toContain('wharf_data_free_bytes 40\n');
    expect(text).toContain('wharf_log_lines_lost_total 3\n');
  }
});

test('what cannot be found out is left out, and all else is told', async () => {
  const gone = () => Promise.reject(new Error('the disk is gone'));
  const text = await lines({ store: { ...FIGURES, disk: gone } });
  expect(text.filter((line) => line.startsWith('wharf_data_'))).toEqual([]);
  expect(text).toContain('wharf_database_bytes 7');
});

test('pulls are told by how they were answered', async () => {
  const pulls = new PullMetrics();
  pulls.count('hit', { upstream: 'docker.io', kind: 'manifest' });
  pulls.count('hit', { upstream: 'docker.io', kind: 'manifest' });
  pulls.count('stale', { upstream: 'ghcr.io', kind: 'manifest' });
  expect((await lines({ pulls })).filter((line) => line.startsWith('wharf_pull_'))).toEqual([
    'wharf_pull_answers_total{upstream="docker.io",kind="manifest",outcome="hit"} 2',
    'wharf_pull_answers_total{upstream="ghcr.io",kind="manifest",outcome="stale"} 1',
  ]);
});

test('a mirror of several upstreams is one source, and an upstream another', async () => {
  const text = await lines({ upstreams: () => [upstream(), upstream({ name: 'ghcr.io', isLiar: true })] });
  expect(text.filter((line) => /^wharf_(?:upstream|mirror)/.test(line))).toEqual([
    'wharf_upstream_requests_total{source="docker.io",kind="manifestHead"} 2',
    'wharf_upstream_requests_total{source="https://mirror.example",kind="manifestGet"} 2',
    'wharf_upstream_requests_total{source="ghcr.io",kind="manifestHead"} 2',
    'wharf_upstream_received_bytes_total{source="docker.io"} 20',
    'wharf_upstream_received_bytes_total{source="https://mirror.example"} 14',
    'wharf_upstream_received_bytes_total{source="ghcr.io"} 20',
    'wharf_mirror_lies_total{mirror="https://mirror.example"} 1',
  ]);
});

const pullLines = async (upstreams: ReturnType<MetricsSources['upstreams']>) =>
  (await lines({ upstreams: () => upstreams })).filter((line) => line.startsWith('wharf_pulls_'));

test('of an upstream that meters it tells what is left, of how many, and until when', async () => {
  expect(await pullLines([upstream()])).toEqual([
    'wharf_pulls_left{upstream="docker.io"} 76',
    'wharf_pulls_limit{upstream="docker.io"} 100',
    'wharf_pulls_window_seconds{upstream="docker.io"} 3600',
    'wharf_pulls_reset_seconds{upstream="docker.io"} 90',
  ]);
});

test('a window that has passed has all its pulls again', async () => {
  const text = await pullLines([upstream({ resetsInMs: -1 })]);
  expect(text).toContain('wharf_pulls_left{upstream="docker.io"} 100');
  expect(text).toContain('wharf_pulls_reset_seconds{upstream="docker.io"} 0');
});

test('of an upstream that does not meter nothing is said', async () => {
  const { registry, ...unmetered } = upstream();
  const ledger = { budget: undefined };
  expect(await pullLines([{ ...unmetered, registry: { ...registry, ledger } }])).toEqual([]);
});

test('what the server does by itself is told by how it ended', async () => {
  expect((await lines()).filter((line) => /^wharf_(?:jobs?|notifications|config)_/.test(line))).toEqual([
    'wharf_job_runs_total{job="library",outcome="done"} 2',
    'wharf_jobs_running 1',
    'wharf_notifications_total{outcome="delivered"} 5',
    'wharf_notifications_total{outcome="failed"} 1',
    'wharf_notifications_total{outcome="dropped"} 0',
    'wharf_config_reloads_total{outcome="applied"} 3',
    'wharf_config_reloads_total{outcome="refused"} 1',
  ]);
});
