// Mirrors of all kinds beside each other, against a Docker Hub of our own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { catalogImage } from '../../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../../test/support/hub/hub.ts';
import { corruptAt, html, refuse, setHeader, stripHeader } from '../../../test/support/origin/fault-actions.ts';
import { type Said, recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { main } from '../main.ts';
import type { Terminal } from '../terminal.ts';

const IMAGES = [catalogImage('nginx', ['latest']), catalogImage('redis', ['latest'])];
const DEAD = 'http://127.0.0.1:1';

let opened: AsyncDisposableStack;
let folder: string;
let terminal: Terminal;
let said: Said;
let hub: Hub;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-probe-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  ({ terminal, said } = recordingTerminal(folder));
  hub = await start();
  const upstream = { url: hub.registryUrl, hubApi: hub.apiUrl };
  writeFileSync(path.join(folder, 'wharf.yaml'), JSON.stringify({ upstreams: { 'docker.io': upstream } }));
});
afterEach(() => opened.disposeAsync());

async function start(images = IMAGES): Promise<Hub> {
  return opened.use(await startHub({ images, layerBytes: 100_000 }));
}

interface Measured {
  readonly url: string;
  readonly state: string;
  readonly fresh: number;
  readonly other: number;
  readonly missing: number;
  readonly lie?: string;
  readonly isUsable: boolean;
  readonly bytesPerSecond?: number;
}

async function probe(...mirrors: readonly string[]): Promise<{ code: number; measured: Map<string, Measured> }> {
  const args = ['probe', '--images', 'nginx:latest,redis:latest', '--json', ...mirrors];
  const code = await main(args, terminal);
  const { mirrors: found } = JSON.parse(said.out) as { mirrors: readonly Measured[] };
  return { code, measured: new Map(found.map((mirror) => [mirror.url, mirror])) };
}

test('each is told apart, the honest and fresh one comes first, and no pull is spent', async () => {
  const [honest, stale, partial] = [await start(), await start(), await start(IMAGES.slice(0, 1))];
  stale.rebuild('library/nginx', 'latest');
  const page = await start();
  page.faults.add({ when: {}, action: html() });
  const closed = await start();
  closed.faults.add({ when: {}, action: refuse('UNAUTHORIZED') });
  const liar = await start();
  liar.faults.add({ when: { kind: 'manifest', method: 'GET' }, action: corruptAt(5) });
  const urls = [DEAD, page, closed, liar, partial, stale, honest].map((each) =>
    typeof each === 'string' ? each : each.registryUrl,
  );
  const { code, measured } = await probe(...urls);
  const of = (mirror: Hub) => measured.get(mirror.registryUrl);
  expect(code).toBe(0);
  expect(of(honest)).toMatchObject({ state: 'ok', fresh: 2, other: 0, missing: 0, isUsable: true });
  expect(of(honest)?.bytesPerSecond).toBeGreaterThan(0);
  expect(of(stale)).toMatchObject({ state: 'ok', fresh: 1, other: 1, isUsable: true });
  expect(of(partial)).toMatchObject({ state: 'ok', fresh: 1, missing: 1, isUsable: true });
  expect(of(liar)).toMatchObject({ isUsable: false, lie: hub.digestOf('library/nginx', 'latest') });
  expect(of(page)).toMatchObject({ state: 'no registry', isUsable: false });
  expect(of(closed)).toMatchObject({ state: 'login', isUsable: false });
  expect(measured.get(DEAD)).toMatchObject({ state: 'unreachable', isUsable: false });
  expect([...measured.keys()][0]).toBe(honest.registryUrl);
  expect([...measured.keys()].at(-1)).toBe(liar.registryUrl);
  expect(hub.counters.manifestGets).toBe(0);
});

test('a mirror that does not say what its tags mean is asked for bytes, which do', async () => {
  const mirror = await start();
  mirror.faults.add({ when: { kind: 'manifest', method: 'HEAD' }, action: stripHeader('docker-content-digest') });
  const { measured } = await probe(mirror.registryUrl);
  expect(measured.get(mirror.registryUrl)).toMatchObject({ state: 'ok', fresh: 2, isUsable: true });
});

test('one that hangs up on its layers has no speed, and none that is wrong', async () => {
  const mirror = await start();
  mirror.faults.add({ when: { kind: 'blob' }, action: setHeader('location', DEAD) });
  const { measured } = await probe(mirror.registryUrl);
  expect(measured.get(mirror.registryUrl)).toMatchObject({ state: 'ok', isUsable: true });
  expect(measured.get(mirror.registryUrl)?.bytesPerSecond).toBeUndefined();
});

test('where none can be used the exit code says so', async () => {
  expect((await probe(DEAD)).code).toBe(1);
});

test('the good ones are written where somebody says, with what was there beside it', async () => {
  const good = await start();
  const before = readFileSync(path.join(folder, 'wharf.yaml'), 'utf8');
  await probe(good.registryUrl, DEAD, '--write', 'wharf.yaml');
  const after = readFileSync(path.join(folder, 'wharf.yaml'), 'utf8');
  expect(after).toContain(good.registryUrl);
  expect(after).not.toContain(DEAD);
  expect(readFileSync(path.join(folder, 'wharf.yaml.bak'), 'utf8')).toBe(before);
  expect(await main(['config', 'check'], terminal)).toBe(0);
});

test('the list is printed as it is read, and a file replaces it', async () => {
  expect(await main(['probe', '--list', '--upstream', 'quay.io'], terminal)).toBe(0);
  expect(said.out).toMatch(/^quay\.io https:\/\/quay\.m\.daocloud\.io {2}# /);
  writeFileSync(path.join(folder, 'my.list'), `docker.io ${DEAD}\n`);
  expect(await main(['probe', '--file', 'my.list'], terminal)).toBe(1);
  expect(said.out).toContain('unreachable');
});
