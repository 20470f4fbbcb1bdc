// The command as a person types it, in this process, beside a Docker Hub and a registry on loopback.
import { appendFile, chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { catalogImage } from '../../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../../test/support/hub/hub.ts';
import { corruptAt, refuse } from '../../../test/support/origin/fault-actions.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import type { MemoryContent } from '../../../test/support/registry/memory-content.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import type { VerifyReport } from '../../verify/report.ts';
import { main } from '../main.ts';

const IMAGES = [
  catalogImage('nginx', ['1.27', 'latest'], ['linux/amd64', 'linux/arm64/v8']),
  catalogImage('redis', ['7']),
  catalogImage('team/app', ['1']),
];
const NAMES = 'nginx:1.27,nginx:latest,redis:7';

let opened: AsyncDisposableStack;
let folder: string;
let hub: Hub;
let mirror: Registry;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-verify-'));
  opened.defer(() => rm(folder, { recursive: true }));
  const accounts = [{ username: 'ann', password: 'secret' }];
  hub = opened.use(await startHub({ images: IMAGES, accounts, privateRepositories: ['team/app'] }));
  mirror = opened.use(await startRegistry());
  await configure();
});
afterEach(() => opened.disposeAsync());

async function configure(more: object = {}, upstream: object = {}): Promise<void> {
  const dockerHub = { url: hub.registryUrl, hubApi: hub.apiUrl, ...upstream };
  await writeFile(
    path.join(folder, 'wharf.yaml'),
    JSON.stringify({ upstreams: { 'docker.io': dockerHub }, data: './data', ...more }),
  );
}

async function run(...args: readonly string[]) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, terminal);
  return { ...said, exitCode };
}

async function fill(to = mirror.url): Promise<void> {
  const { exitCode, err } = await run('sync', '--images', NAMES, '--to', to);
  if (exitCode !== 0) throw new Error(`the sync ended with ${exitCode}: ${err}`);
}

async function report(...args: readonly string[]) {
  const { out, err, exitCode } = await run('verify', '--json', ...args);
  if (!out.startsWith('{')) throw new Error(`there is no report: ${exitCode}: ${err}`);
  return { exitCode, ...(JSON.parse(out) as VerifyReport) };
}

test('a mirror that is the same is one row, and exits with 0', async () => {
  await fill();
  const { out, err, exitCode } = await run('verify', mirror.url, '--images', NAMES, '--depth', 'bytes');
  expect(out.split('\n').map((line) => line.split(/\s{2,}/))).toEqual([
    ['MIRROR', 'SAME', 'STALE', 'MISSING', 'DIFFERENT', 'LYING', 'MEDIA TYPE', 'UNREACHABLE', 'LIMITED'],
    [mirror.url, '3', '0', '0', '0', '0', '0', '0', '0'],
    [''],
  ]);
  expect(err).toMatch(/^3 tags; \d\.\d s\n$/);
  expect(exitCode).toBe(0);
});

test('what is not the same is a line each, with digests as docker shows them, and the same in JSON', async () => {
  await fill();
  const before = hub.digestOf('library/redis', '7');
  hub.rebuild('library/redis', '7');
  const now = hub.digestOf('library/redis', '7');
  (mirror.content as MemoryContent).deleteManifest('library/nginx', 'latest');
  const { out, exitCode } = await run('verify', mirror.url, '--images', NAMES);
  const [, , , ...lines] = out.split('\n');
  expect(lines).toEqual([
    `missing: ${mirror.url}: nginx:latest: the authority has it, and the mirror does not`,
    expect.stringContaining(
      `stale: ${mirror.url}: redis:7: repo digest ${before} there, ${now} at the authority; the journal knows that it meant that at docker.io on `,
    ),
    '',
  ]);
  expect(exitCode).toBe(1);
  const { mirrors, tags } = await report(mirror.url, '--images', `${NAMES},nginx:soon`);
  expect(tags).toEqual({ wanted: 4, resolved: 3, pending: 1, deferred: 0, failed: 0 });
  expect(mirrors).toMatchObject([
    {
      mirror: mirror.url,
      counts: { same: 1, stale: 1, missing: 1, different: 0, lying: 0, mediaType: 0, unreachable: 0, limited: 0 },
      findings: [
        { reference: 'docker.io/library/nginx:latest', finding: 'missing', found: null },
        { reference: 'docker.io/library/redis:7', finding: 'stale', expected: now, found: before },
      ],
    },
  ]);
});

test('five mirrors are each found to be what they are, on the terminal as in JSON', async () => {
  const [honest, partial, lying] = [opened.use(await startRegistry()), opened.use(await startRegistry()), mirror];
  const stale = opened.use(await startRegistry());
  await fill(stale.url);
  hub.rebuild('library/redis', '7');
  for (const { url } of [honest, partial, lying]) await fill(url);
  (partial.content as MemoryContent).deleteManifest('library/nginx', '1.27');
  const nginx = hub.digestOf('library/nginx', '1.27');
  lying.faults.add({ when: { kind: 'manifest', method: 'GET', path: nginx }, action: corruptAt(20) });
  const dead = 'http://127.0.0.1:1';
  const args = [honest.url, stale.url, partial.url, lying.url, dead, '--images', NAMES, '--depth', 'manifests'];
  const expected = [
    `stale: ${stale.url}: redis:7`,
    `missing: ${partial.url}: nginx:1.27`,
    ...['nginx:1.27', 'nginx:latest'].map((name) => `lying: ${lying.url}: ${name}`),
    ...['nginx:1.27', 'nginx:latest', 'redis:7'].map((name) => `unreachable: ${dead}: ${name}`),
  ];
  const { out, err, exitCode } = await run('verify', ...args);
  const lines = out.split('\n').filter((line) => /^\w+: http/.test(line));
  expect(lines.map((line) => line.split(': ').slice(0, 3).join(': '))).toEqual(expected);
  expect(err).toContain(`note: ${dead} is asked no more: 127.0.0.1:1 refused the connection`);
  const { mirrors } = await report(...args);
  const found = mirrors.flatMap((one) =>
    one.findings.map(({ finding, reference }) => {
      return `${finding}: ${one.mirror}: ${reference.replace('docker.io/library/', '')}`;
    }),
  );
  expect(found).toEqual(expected);
  expect(exitCode).toBe(1);
});

test('a limit puts a part off, which exits with 3, or with 0 where that is fine', async () => {
  await fill();
  mirror.faults.add({ when: { kind: 'manifest' }, action: refuse('TOOMANYREQUESTS', 'slow down') });
  const args = ['verify', mirror.url, '--images', 'redis:7'];
  expect((await run(...args)).exitCode).toBe(3);
  expect((await run(...args, '--deferred-ok')).exitCode).toBe(0);
});

test('the login of the authority reaches no mirror', async () => {
  await configure({}, { credentials: { username: 'ann', password: 'secret' }, realms: [hub.tokenUrl] });
  const seen: (string | undefined)[] = [];
  mirror.faults.add({
    when: {},
    action: (request, next) => {
      seen.push(request.headers.authorization);
      return next(request);
    },
  });
  await fill();
  seen.length = 0;
  expect((await report(mirror.url, '--images', NAMES, '--depth', 'layers')).exitCode).toBe(0);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter((header) => header !== undefined)).toEqual([]);
});

test('a repository that only our login may read is not named to a configured mirror, and is to a target', async () => {
  const login = { credentials: { username: 'ann', password: 'secret' }, realms: [hub.tokenUrl] };
  const asked: string[] = [];
  mirror.faults.add({
    when: {},
    action: (request, next) => {
      asked.push(request.path);
      return next(request);
    },
  });
  await configure({}, { ...login, mirrors: [{ url: mirror.url }] });
  const { mirrors } = await report(mirror.url, '--images', 'team/app:1,redis:7');
  expect(mirrors).toMatchObject([{ skipped: 1, counts: { missing: 1 } }]);
  expect(asked.filter((path) => path.includes('team/app'))).toEqual([]);
  await configure({}, login);
  const target = await report(mirror.url, '--images', 'team/app:1,redis:7');
  expect(target.mirrors).toMatchObject([{ skipped: 0, counts: { missing: 2 } }]);
});

test('the targets of a job are compared by its images and its names', async () => {
  const to = [{ url: mirror.url, repository: 'team/{name}' }];
  await configure({ sync: [{ name: 'few', from: 'docker.io', catalog: { images: ['nginx:1.27', 'redis:7'] }, to }] });
  expect((await run('sync', 'few')).exitCode).toBe(0);
  const { exitCode, mirrors } = await report('--job', 'few', '--depth', 'layers');
  expect([exitCode, mirrors[0]?.counts.same]).toEqual([0, 2]);
  expect((await report(mirror.url, '--images', 'redis:7')).mirrors[0]?.counts.same).toBe(1);
  expect((await report(mirror.url, '--all')).tags.wanted).toBe(2);
});

test('the store is compared as a mirror is, down to bytes that its disk has changed', async () => {
  await fill('store');
  const clean = await report('store:', '--all', '--depth', 'bytes');
  expect([clean.exitCode, clean.mirrors[0]?.counts.same]).toEqual([0, 3]);
  const blobs = path.join(folder, 'data/blobs-v1/sha256');
  const names = (await readdir(blobs, { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));
  const file = path.join(blobs, names[0] ?? '');
  const bytes = await readFile(file);
  await chmod(file, 0o644);
  await writeFile(file, bytes.with(0, (bytes[0] ?? 0) ^ 1));
  const rotten = await report('store:', '--all', '--depth', 'bytes');
  expect(rotten.exitCode).toBe(1);
  const findings = rotten.mirrors[0]?.findings ?? [];
  expect(findings.length).toBeGreaterThan(0);
  for (const { finding, detail } of findings) {
    expect(finding).toBe('lying');
    expect(detail).toContain(path.basename(file));
  }
});

test('what the store knows of a tag dates it, however often it is asked', async () => {
  await fill('store');
  const before = hub.digestOf('library/redis', '7');
  hub.rebuild('library/redis', '7');
  for (let nth = 0; nth < 2; nth += 1) {
    const { mirrors } = await report('store:', '--images', 'redis:7');
    expect(mirrors[0]?.findings).toMatchObject([
      { finding: 'stale', found: before, detail: expect.stringMatching(/^our store knows .* less than a day ago$/) },
    ]);
  }
});

test('a sample is a part of the tags, and its seed gives the same part again', async () => {
  await fill();
  const first = await report(mirror.url, '--images', NAMES, '--sample', '2');
  expect(first.sample?.tags).toBe(2);
  expect(first.tags.wanted).toBe(2);
  mirror.faults.add({ when: { kind: 'manifest' }, action: refuse('MANIFEST_UNKNOWN') });
  const chosen = async () => {
    const { mirrors } = await report(
      mirror.url,
      '--images',
      NAMES,
      '--sample',
      '2',
      '--seed',
      first.sample?.seed ?? '',
    );
    return mirrors[0]?.findings.map(({ reference }) => reference);
  };
  expect(await chosen()).toHaveLength(2);
  expect(await chosen()).toEqual(await chosen());
});

test('what was compared before is taken from its file, though its last line was cut off', async () => {
  await fill();
  const args = [mirror.url, '--images', NAMES, '--resume', 'compared.jsonl'];
  await report(...args);
  await appendFile(path.join(folder, 'compared.jsonl'), '{"at":17');
  mirror.resetCounters();
  const again = await report(...args);
  expect([again.exitCode, again.mirrors[0]?.counts.same, mirror.counters.requests]).toEqual([0, 3, 0]);
  await report(...args, '--depth', 'manifests');
  expect(mirror.counters.manifestGets).toBeGreaterThan(0);
});

test.each([
  [['--images', 'redis:7'], 'no mirror: name one'],
  [['localhost:5000'], 'no images: add --images NAMES'],
  [['localhost:5000', '--all', '--library'], '--all and a selection of images exclude each other'],
  [['localhost:5000', '--job', 'none'], 'there is no job "none"'],
  [['localhost:5000', '--images', 'redis:7', '--from', 'ghcr.io'], '--from goes with --all'],
  [['localhost:5000', '--images', 'redis:7', '--sample', 'some'], '"some" is no number of tags'],
  [['localhost:5000', '--images', 'redis:7', '--seed', 'x'], '--seed goes with --sample'],
  [['localhost:5000/one', '--images', NAMES], 'would both be one at localhost:5000/one'],
  [['nginx', '--images', NAMES], '"nginx" is not a mirror'],
  [['localhost:5000', '--images', NAMES, '--depth', 'deep'], 'Allowed choices are tags, manifests, layers, bytes'],
])('wharf verify %j is refused, and nobody is asked', async (args, message) => {
  const { err, exitCode } = await run('verify', ...args);
  expect(err).toContain(message);
  expect(exitCode).toBe(2);
  expect(hub.counters).toMatchObject({ apiCalls: 0, manifestHeads: 0 });
});

test('a mirror that does not list what it holds is asked for the repositories that are named', async () => {
  await fill();
  mirror.faults.add({ when: { path: '_catalog' }, action: refuse('DENIED') });
  const refused = await run('verify', mirror.url, '--all');
  expect(refused.exitCode).toBe(2);
  expect(refused.err).toContain('does not list what it holds');
  const named = await report(mirror.url, '--all', '--include', 'nginx');
  expect([named.exitCode, named.tags.wanted]).toEqual([0, 2]);
});

test('each mirror is compared by what it holds itself, and one that is dead keeps none of the others', async () => {
  await fill();
  const other = opened.use(await startRegistry());
  expect((await run('sync', '--images', 'redis:7', '--to', other.url)).exitCode).toBe(0);
  const { exitCode, mirrors } = await report(mirror.url, other.url, 'http://127.0.0.1:1', '--all');
  expect(mirrors.map(({ counts, skipped }) => [counts.same, skipped])).toEqual([
    [3, 0],
    [1, 2],
    [0, 3],
  ]);
  expect(exitCode).toBe(1);
});
