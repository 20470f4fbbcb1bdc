// What a server tells of its pulls: on its admin listener and in its log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOOPBACK, openRegistryServer } from '../../test/support/hosted/open-server.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { corruptAt, respond } from '../../test/support/origin/fault-actions.ts';
import { recordLog } from '../../test/support/recorded-log.ts';
import { type RegistryServer, describeAddress } from './registry-server.ts';

const IMAGES = [catalogImage('nginx', ['1.27', 'latest'], ['linux/amd64'])];
const TAG = '/v2/library/nginx/manifests/latest';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(async () => await opened.disposeAsync());

async function startHubWith(options: Partial<Parameters<typeof startHub>[0]> = {}): Promise<Hub> {
  return opened.use(await startHub({ images: IMAGES, ...options }));
}

async function startCache(settings: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'wharf-figures-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  const log = recordLog();
  const yaml = `upstreams: { docker.io: { hubApi: off, ${settings} } }\nhosted: ["own/**"]`;
  const server: RegistryServer = opened.use(
    await openRegistryServer(folder, { yaml, log, config: { admin: LOOPBACK } }),
  );
  const [registry, admin] = [server.addresses[0]!, server.adminAddress!].map(describeAddress);
  const pull = (at: string, init?: RequestInit) => fetch(`${registry}${at}`, init);
  const ask = async (at: string, init?: RequestInit) => {
    const answer = await fetch(`${admin}${at}`, init);
    return { status: answer.status, text: await answer.text() };
  };
  const refresh = async (reference: string) => {
    const { status, text } = await ask(`/v1/refresh?reference=${reference}`, { method: 'POST' });
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  const lines = () => log.lines.filter(([message]) => !message.startsWith('debug '));
  return { server, lines, pull, ask, refresh };
}

test('/metrics tells how pulls were answered, what that took, and what is left', async () => {
  const hub = await startHubWith({ limit: 100 });
  const { pull, ask } = await startCache(`url: "${hub.registryUrl}"`);
  for (let count = 0; count < 3; count += 1) await (await pull(TAG)).arrayBuffer();
  expect((await ask('/metrics')).text.split('\n')).toEqual(
    expect.arrayContaining([
      'wharf_http_first_byte_seconds_count{route="manifest"} 3',
      'wharf_pull_answers_total{upstream="docker.io",kind="manifest",outcome="hit"} 2',
      'wharf_pull_answers_total{upstream="docker.io",kind="manifest",outcome="miss"} 1',
      'wharf_upstream_requests_total{source="docker.io",kind="manifestHead"} 1',
      'wharf_upstream_requests_total{source="docker.io",kind="manifestGet"} 1',
      'wharf_pulls_left{upstream="docker.io"} 99',
      'wharf_pulls_limit{upstream="docker.io"} 100',
      'wharf_pulls_window_seconds{upstream="docker.io"} 3600',
    ]),
  );
});

test('an upstream that gives no answer is told of once, and a client that gets nothing is no failure of ours', async () => {
  const hub = await startHubWith();
  const { pull, lines } = await startCache(`url: "${hub.registryUrl}", freshFor: 0s`);
  expect((await pull(TAG)).status).toBe(200);
  hub.faults.add({ when: { kind: 'manifest' }, action: respond({ status: 502 }) });
  for (let count = 0; count < 3; count += 1) expect((await pull(TAG)).headers.get('warning')).toMatch(/^110 /);
  expect((await pull('/v2/library/nginx/manifests/1.27')).status).toBe(502);
  const reason = expect.stringMatching(/^127\.0\.0\.1:\d+ answered 502 for manifest library\/nginx:latest/);
  expect(lines()).toEqual([['warn stale served', { upstream: 'docker.io', reason, answers: 1 }]]);
});

test('a mirror that hands out wrong bytes is told of, counted, and named to who asks', async () => {
  const hub = await startHubWith();
  const liar = await startHubWith({ faults: [{ when: { kind: 'manifest', method: 'GET' }, action: corruptAt(5) }] });
  const mirrors = `mirrors: [{ url: "${liar.registryUrl}", for: [manifests] }]`;
  const { server, pull, ask, lines } = await startCache(`url: "${hub.registryUrl}", ${mirrors}`);
  expect((await pull(TAG)).status).toBe(200);
  expect((await ask('/metrics')).text).toContain(`wharf_mirror_lies_total{mirror="${liar.registryUrl}"} 1\n`);
  const digest = hub.digestOf('library/nginx', 'latest');
  const listed = JSON.parse((await ask('/v1/upstreams')).text) as { upstreams: { name: string; mirrors: unknown[] }[] };
  const lie = { digest, proof: expect.stringContaining(digest) };
  expect(listed.upstreams.find(({ name }) => name === 'docker.io')).toEqual({
    name: 'docker.io',
    state: 'ok',
    pulls: null,
    mirrors: [{ url: liar.registryUrl, lie }],
  });
  await server[Symbol.asyncDispose]();
  expect(lines()).toEqual([['error mirror lied', { mirror: liar.registryUrl, ...lie }]]);
});

test('spent pulls are told of in the log, and to who asks', async () => {
  const hub = await startHubWith({ limit: 1 });
  const { server, pull, ask, lines } = await startCache(`url: "${hub.registryUrl}"`);
  expect((await pull(TAG)).status).toBe(200);
  const resetsBy = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
  const pulls = { limit: 1, remaining: 0, windowSeconds: 3600, resetsBy };
  expect(JSON.parse((await ask('/v1/upstreams')).text)).toMatchObject({
    upstreams: expect.arrayContaining([{ name: 'docker.io', state: 'limited', pulls, mirrors: [] }]),
  });
  await server[Symbol.asyncDispose]();
  expect(lines()).toEqual([['warn pulls are few', { upstream: 'docker.io', remaining: 0, limit: 1, resetsBy }]]);
});

describe('POST /v1/refresh', () => {
  test('asks by HEAD, fetches nothing, and asks once in ten seconds', async () => {
    const hub = await startHubWith();
    const { pull, refresh } = await startCache(`url: "${hub.registryUrl}"`);
    const digest = hub.digestOf('library/nginx', 'latest');
    const reference = 'docker.io/library/nginx:latest';
    expect(await refresh('nginx')).toMatchObject({ status: 200, body: { reference, digest, changed: true } });
    expect([hub.counters.manifestHeads, hub.counters.manifestGets]).toEqual([1, 0]);
    await pull(TAG);
    const again = await refresh(reference);
    expect(again).toMatchObject({ status: 200, body: { digest, changed: false } });
    expect(Date.now() - Date.parse(String(again.body['asOf']))).toBeLessThan(10_000);
    expect(hub.counters.manifestHeads).toBe(1);
  });

  test('tells the true reason why there is no answer', async () => {
    const hub = await startHubWith({ limit: 1 });
    const { pull, refresh } = await startCache(`url: "${hub.registryUrl}"`);
    const codes = async (reference: string) => {
      const { status, body } = await refresh(reference);
      return [status, (body['errors'] as { code: string }[] | undefined)?.[0]?.code];
    };
    expect(await codes('nginx:none')).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(await codes('registry.example/team/app')).toEqual([404, 'NAME_UNKNOWN']);
    expect(await codes('own/app')).toEqual([405, 'UNSUPPORTED']);
    await pull(TAG);
    expect(await codes('nginx:1.27')).toEqual([429, 'TOOMANYREQUESTS']);
  });
});
