// Mirrors of every kind beside a Docker Hub, all on loopback: what is found is what is wrong, and nothing else.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import {
  corruptAt,
  hang,
  html,
  redirectTo,
  refuse,
  replaceBody,
  respond,
  setHeader,
  truncateAt,
} from '../../test/support/origin/fault-actions.ts';
import type { FaultAction, FaultCondition } from '../../test/support/origin/faults.ts';
import type { MemoryContent } from '../../test/support/registry/memory-content.ts';
import { type Registry, startRegistry } from '../../test/support/registry/registry.ts';
import { readManifest } from '../oci/manifest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { parsePlatform } from '../oci/platform.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { HubApi } from '../remote/hub-api.ts';
import type { Network } from '../remote/network.ts';
import { RemoteRegistry } from '../remote/remote-registry.ts';
import { Upstream } from '../remote/upstream.ts';
import type { VerifyEvent } from './events.ts';
import { mirrorSource } from './mirror-source.ts';
import type { MirrorReport, VerifyReport } from './report.ts';
import type { Verification, VerifiedMirror } from './verification.ts';
import { verifyMirrors } from './verify-mirrors.ts';

const PLATFORMS = ['linux/amd64', 'linux/arm64/v8'];
const IMAGES = [
  catalogImage('nginx', ['1.27', 'latest'], PLATFORMS),
  catalogImage('nginx', ['1.26'], PLATFORMS),
  catalogImage('redis', ['7', '7.4']),
];
const TAGS = ['docker.io/library/nginx:1.26', 'docker.io/library/nginx:1.27', 'docker.io/library/nginx:latest'];
const ALL = [...TAGS, 'docker.io/library/redis:7', 'docker.io/library/redis:7.4'];

/** Deadlines are another test's; the waits between retries are the network's. */
class NoDeadlines extends FakeClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }
}

let opened: AsyncDisposableStack;
let network: Network;
let hub: Hub;
let events: VerifyEvent[];

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  hub = opened.use(await startHub({ images: IMAGES, limit: 100 }));
  network = opened.use(openNetwork({ deadlineMs: 200 })).network;
  events = [];
});
afterEach(() => opened.disposeAsync());

const at = (url: string) => new RemoteRegistry({ name: url, url: new URL(url), network, longestPauseMs: 3_000 });

function mirrorAt(name: string, url: string): VerifiedMirror {
  const registry = at(url);
  return { name, repository: (_upstream, repository) => mirrorSource(registry.repository(repository)) };
}

/** A registry that has all that the hub has now. */
async function startMirror(): Promise<Registry> {
  const mirror = opened.use(await startRegistry());
  fill(mirror, hub);
  return mirror;
}

function fill(mirror: Registry, from: Hub): void {
  const content = mirror.content as MemoryContent;
  for (const { repository, tag, digest, children } of from.expected()) {
    for (const reference of [...children, digest]) {
      const manifest = from.content.manifest(repository, reference);
      if (manifest === undefined) throw new Error(`the hub has no ${reference}`);
      content.addManifest(repository, manifest, reference === digest ? tag : undefined);
      const read = readManifest(manifest.bytes).content;
      if (read.kind === 'index') continue;
      for (const { digest: part } of [read.config, ...read.layers]) {
        const blob = from.content.blob(repository, part);
        if (blob !== undefined) content.addBlob(repository, blob);
      }
    }
  }
}

function upstream(): Upstream {
  const registry = at(hub.registryUrl);
  const hubApi = new HubApi({ url: new URL(hub.apiUrl), network, traffic: registry.traffic });
  return new Upstream({ name: 'docker.io', registry, hubApi });
}

async function verify(
  mirrors: readonly VerifiedMirror[],
  changes: Partial<Verification> = {},
  names: readonly string[] = ALL,
): Promise<Omit<VerifyReport, 'sample'>> {
  const authority = upstream();
  const wanted = Map.groupBy(names, (name) => name.slice('docker.io/'.length).split(':')[0] ?? '');
  const verification: Verification = {
    mirrors,
    wanted: [...wanted].map(([repository, of]) => ({
      authority,
      repository: parseRepositoryName(repository),
      tags: of.map((name) => parseTag(name.split(':').at(-1) ?? '')),
    })),
    depth: 'tags',
    platforms: [],
    ...changes,
  };
  const onEvent = (event: VerifyEvent) => void events.push(event);
  return await verifyMirrors(verification, { clock: new NoDeadlines(), onEvent });
}

/** Reference and finding of all that is not the same. */
function found({ findings }: MirrorReport): Record<string, string> {
  return Object.fromEntries(findings.map(({ reference, finding }) => [reference, finding]));
}

function only({ mirrors: [mirror] }: { readonly mirrors: readonly MirrorReport[] }): MirrorReport {
  if (mirror === undefined) throw new Error('there is no mirror in the report');
  return mirror;
}

async function verifyFaulty(when: FaultCondition, action: FaultAction, depth: Verification['depth'] = 'bytes') {
  const mirror = await startMirror();
  mirror.faults.add({ when, action });
  return only(await verify([mirrorAt('m', mirror.url)], { depth }));
}

test.each(['tags', 'manifests', 'layers', 'bytes'] as const)(
  'an honest mirror is the same to the %s',
  async (depth) => {
    const mirror = await startMirror();
    const report = await verify([mirrorAt('m', mirror.url)], { depth });
    expect(only(report)).toMatchObject({ counts: { same: ALL.length }, findings: [], skipped: 0 });
    expect(report.tags).toEqual({ wanted: ALL.length, resolved: ALL.length, pending: 0, deferred: 0, failed: 0 });
    expect(hub.counters).toMatchObject({ manifestGets: 0, blobGets: 0 });
  },
);

test('each of five mirrors is found to be what it is, whoever stands beside it', async () => {
  const stale = await startMirror();
  hub.rebuild('library/redis', '7');
  const honest = await startMirror();
  const partial = await startMirror();
  (partial.content as MemoryContent).deleteManifest('library/nginx', hub.digestOf('library/nginx', '1.26'));
  const lying = await startMirror();
  const lie = { when: { kind: 'manifest', method: 'GET', path: hub.digestOf('library/nginx', '1.26') } } as const;
  lying.faults.add({ ...lie, action: corruptAt(20) });
  const urls = { honest: honest.url, stale: stale.url, partial: partial.url, lying: lying.url };
  const mirrors = [...Object.entries(urls), ['dead', 'http://127.0.0.1:1'] as const];
  const report = await verify(
    mirrors.map(([name, url]) => mirrorAt(name, url)),
    { depth: 'manifests' },
  );
  const [one, two, three, four, dead] = report.mirrors.map(found);
  expect(one).toEqual({});
  expect(two).toEqual({ 'docker.io/library/redis:7': 'stale', 'docker.io/library/redis:7.4': 'stale' });
  expect(three).toEqual({ 'docker.io/library/nginx:1.26': 'missing' });
  expect(four).toEqual({ 'docker.io/library/nginx:1.26': 'lying' });
  expect(dead).toEqual(Object.fromEntries(ALL.map((reference) => [reference, 'unreachable'])));
  expect(hub.counters.manifestGets).toBe(0);
});

test('a digest that the authority never had is different, and names what is there', async () => {
  const mirror = await startMirror();
  const other = catalogImage('nginx', ['1.26', '1.27', 'latest', 'x'], ['linux/s390x']);
  const stranger = opened.use(await startHub({ images: [other] }));
  const manifest = stranger.content.manifest('library/nginx', 'x');
  if (manifest === undefined) throw new Error('the stranger has no nginx');
  (mirror.content as MemoryContent).addManifest('library/nginx', manifest, 'latest');
  const report = only(await verify([mirrorAt('m', mirror.url)], { depth: 'manifests' }));
  expect(report.findings).toEqual([
    {
      reference: 'docker.io/library/nginx:latest',
      finding: 'different',
      expected: hub.digestOf('library/nginx', 'latest'),
      found: manifest.digest,
      detail: "docker.io has no such image in this repository; no platform has the authority's image digest",
    },
  ]);
});

test('a mirror that names a digest and sends other bytes for it lies, and one that has none of it lacks it', async () => {
  const older = hub.digestOf('library/redis', '7');
  const names = setHeader('docker-content-digest', older);
  const named = await startMirror();
  named.faults.add({ when: { kind: 'manifest', method: 'HEAD', path: 'nginx/manifests/latest' }, action: names });
  const lying = await startMirror();
  lying.faults.add({ when: { kind: 'manifest', method: 'HEAD', path: 'nginx/manifests/latest' }, action: names });
  lying.faults.add({ when: { kind: 'manifest', path: older }, action: respond({ status: 200, body: '{}' }) });
  const mirrors = [mirrorAt('named', named.url), mirrorAt('lying', lying.url)];
  const report = await verify(mirrors, { depth: 'manifests' }, TAGS);
  const [one, two] = report.mirrors;
  expect(one?.findings).toMatchObject([
    { finding: 'missing', found: older, detail: 'the mirror names that digest for the tag, and does not have it' },
  ]);
  expect(two?.findings).toMatchObject([{ finding: 'lying', found: older }]);
});

test('what another tag means is different, and not stale', async () => {
  const mirror = await startMirror();
  const older = hub.content.manifest('library/nginx', '1.26');
  if (older === undefined) throw new Error('the hub has no nginx:1.26');
  (mirror.content as MemoryContent).addManifest('library/nginx', older, 'latest');
  const { findings } = only(await verify([mirrorAt('m', mirror.url)]));
  expect(findings).toMatchObject([{ finding: 'different', detail: 'that is what 1.26 means at docker.io' }]);
});

test('the past that is known dates a stale tag, and is asked before the authority is', async () => {
  const stale = await startMirror();
  const before = hub.digestOf('library/redis', '7');
  hub.rebuild('library/redis', '7');
  const order: string[] = [];
  const history = {
    pastOf: () => {
      order.push(hub.counters.apiCalls === 0 ? 'before' : 'after');
      return Promise.resolve(() =>
        Promise.resolve([{ digest: before, by: 'our store', until: new Date('2026-11-20T10:00Z') }]),
      );
    },
  };
  const { findings } = only(await verify([mirrorAt('m', stale.url)], { history }, ['docker.io/library/redis:7']));
  const detail = 'our store knows that it meant that at docker.io until 2026-11-20, 3 days ago';
  expect(findings).toMatchObject([{ finding: 'stale', found: before, detail }]);
  expect(order).toEqual(['before']);
});

test('a tag that the authority does not have is pending, and no fault of the mirror', async () => {
  const mirror = await startMirror();
  const report = await verify([mirrorAt('m', mirror.url)], {}, [...ALL, 'docker.io/library/nginx:soon']);
  expect(report.tags).toMatchObject({ wanted: 6, resolved: 5, pending: 1 });
  expect(only(report).counts).toMatchObject({ same: 5, missing: 0 });
});

test('the same bytes under another media type are found, after the authority has confirmed its own', async () => {
  const when = { kind: 'manifest', path: 'redis' } as const;
  const { findings } = await verifyFaulty(when, setHeader('content-type', 'application/octet-stream'), 'tags');
  const digest = hub.digestOf('library/redis', '7');
  const mediaType = hub.content.manifest('library/redis', digest)?.mediaType;
  expect(findings.map(({ finding }) => finding)).toEqual(['mediaType', 'mediaType']);
  expect(findings).toMatchObject([{ expected: mediaType, found: 'application/octet-stream' }, {}]);
});

test('a child under another media type is found too', async () => {
  const [child = ''] = hub.expected().find(({ repository }) => repository === 'library/redis')?.children ?? [];
  const type = setHeader('content-type', MEDIA_TYPES.ociIndex);
  const report = await verifyFaulty({ kind: 'manifest', path: child }, type, 'manifests');
  expect(found(report)).toEqual({
    'docker.io/library/redis:7': 'mediaType',
    'docker.io/library/redis:7.4': 'mediaType',
  });
});

test.each([
  ['a refused connection', undefined, 'refused the connection'],
  ['a hang', hang(), 'did not answer'],
  ['a web page', html(), 'answered "text/html"'],
  ['an error of its own', respond({ status: 503 }), 'answered 503'],
  ['a redirect without end', redirectTo('/v2/library/nginx/manifests/again'), 'redirects more than 5 times'],
  ['a redirect to a metadata service', redirectTo('http://169.254.169.254/latest/'), '169.254.169.254'],
])('%s makes a mirror unreachable, is told in words, and is not waited for again', async (_what, action, words) => {
  const mirror = await startMirror();
  if (action !== undefined) mirror.faults.add({ when: { kind: 'manifest' }, action });
  const url = action === undefined ? 'http://127.0.0.1:1' : mirror.url;
  const report = only(await verify([mirrorAt('m', url)]));
  expect(report.counts).toMatchObject({ unreachable: ALL.length, same: 0 });
  for (const { detail } of report.findings) expect(detail).toContain(words);
  expect(events.filter(({ type }) => type === 'givenUp')).toHaveLength(1);
});

test('a mirror that is given up is asked nothing more', async () => {
  const mirror = await startMirror();
  mirror.faults.add({ when: { kind: 'manifest' }, action: html() });
  await verify([mirrorAt('m', mirror.url)]);
  // Each failure is looked at twice: a wrong media type could still name the digest.
  expect(mirror.counters.manifestHeads).toBe(6);
});

test('a mirror that limits us is limited, and what is left is put off', async () => {
  const { counts, findings } = await verifyFaulty({ kind: 'manifest' }, refuse('TOOMANYREQUESTS', 'slow down'), 'tags');
  expect(counts).toMatchObject({ limited: ALL.length });
  expect(findings.at(-1)?.detail).toContain('not asked, after 3 failures in a row');
});

test('gigabytes for a manifest are not read', async () => {
  const when = { kind: 'manifest', method: 'GET', path: 'redis' } as const;
  const report = await verifyFaulty(when, replaceBody('x'.repeat(5 * 1024 * 1024)), 'manifests');
  expect(found(report)).toEqual({
    'docker.io/library/redis:7': 'unreachable',
    'docker.io/library/redis:7.4': 'unreachable',
  });
  expect(report.findings[0]?.detail).toContain('sent more than 4194304 bytes');
});

test('a layer that lacks, lies, or breaks off is found at the depth that looks at it', async () => {
  const [child = ''] = hub.expected().find(({ repository }) => repository === 'library/redis')?.children ?? [];
  const manifest = hub.content.manifest('library/redis', child);
  const content = readManifest(manifest?.bytes ?? new Uint8Array()).content;
  const layer = content.kind === 'image' ? (content.layers[1]?.digest ?? '') : '';
  const blob = (action: FaultAction, depth: Verification['depth']) =>
    verifyFaulty({ kind: 'blob', path: layer }, action, depth);
  const both = (finding: string) => Object.fromEntries(ALL.slice(3).map((reference) => [reference, finding]));
  expect(found(await blob(refuse('BLOB_UNKNOWN'), 'manifests'))).toEqual({});
  const missing = await blob(refuse('BLOB_UNKNOWN'), 'layers');
  expect(found(missing)).toEqual(both('missing'));
  expect(missing.findings[0]?.detail).toBe(`the layer ${layer}: missing`);
  expect(found(await blob(setHeader('content-length', '7'), 'layers'))).toEqual(both('lying'));
  expect(found(await blob(corruptAt(3), 'layers'))).toEqual({});
  expect(found(await blob(corruptAt(3), 'bytes'))).toEqual(both('lying'));
  expect(found(await blob(truncateAt(3), 'bytes'))).toEqual(both('unreachable'));
});

test('with chosen platforms, what is below the others is not looked at', async () => {
  const mirror = await startMirror();
  const root = hub.content.manifest('library/nginx', '1.26');
  const { content } = readManifest(root?.bytes ?? new Uint8Array());
  const arm =
    content.kind === 'index' ? content.manifests.find((each) => each.platform?.architecture === 'arm64') : undefined;
  (mirror.content as MemoryContent).deleteManifest('library/nginx', arm?.digest ?? '');
  const m = mirrorAt('m', mirror.url);
  const amd64 = await verify([m], { depth: 'bytes', platforms: [parsePlatform('linux/amd64')] });
  expect(found(only(amd64))).toEqual({});
  const all = only(await verify([m], { depth: 'bytes' }));
  expect(found(all)).toEqual({ 'docker.io/library/nginx:1.26': 'missing' });
  expect(all.findings[0]?.detail).toBe(`the image digest ${arm?.digest} of linux/arm64/v8: missing`);
});

test('an authority that is down is asked once, and the mirrors are blamed for nothing', async () => {
  const mirror = await startMirror();
  hub.faults.add({ when: { origin: 'registry' }, action: html() }, { when: { kind: 'api' }, action: html() });
  const report = await verify([mirrorAt('m', mirror.url)]);
  expect(report.tags).toMatchObject({ resolved: 0, failed: ALL.length });
  expect(report.failures).toHaveLength(ALL.length);
  expect(only(report)).toMatchObject({ findings: [], counts: { same: 0 } });
});

test('what was recorded of the same digest is not asked for again', async () => {
  const mirror = await startMirror();
  const kept = new Map<string, Parameters<NonNullable<Verification['record']>['add']>[1]>();
  const record: Verification['record'] = {
    find: ({ reference, expected }) => kept.get(`${reference} ${expected}`),
    add: ({ reference, expected }, outcome) => void kept.set(`${reference} ${expected}`, outcome),
  };
  await verify([mirrorAt('m', mirror.url)], { record });
  mirror.resetCounters();
  hub.rebuild('library/redis', '7');
  const report = only(await verify([mirrorAt('m', mirror.url)], { record }));
  expect(mirror.counters.manifestHeads).toBe(2);
  expect(report.counts).toMatchObject({ same: 3, stale: 2 });
});

test('what the limit of the authority leaves unasked is deferred, and no failure', async () => {
  const mirror = await startMirror();
  hub.faults.add({ when: { kind: 'api' }, action: html() });
  const spent = { status: 429, headers: { 'ratelimit-limit': '100;w=3600', 'ratelimit-remaining': '0;w=3600' } };
  hub.faults.add({ when: { kind: 'manifest' }, action: respond(spent) });
  const report = await verify([mirrorAt('m', mirror.url)]);
  expect(report.tags).toMatchObject({ resolved: 0, deferred: ALL.length, failed: 0 });
  expect(report.failures).toEqual([]);
});
