// A store that rots, beside a server that serves it: what is wrong is found, not served, and fetched again.
import { chmod, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const SYNC = ['sync', '--catalog', `official-images:${SMALL_LIBRARY}`, '--to', 'store'];
const DAMAGED = 10;

interface ServedStore extends AsyncDisposable {
  readonly hub: HubProcess;
  readonly wharf: Wharf;
  /** Of the server that runs beside. */
  readonly url: string;
  readonly probe: RegistryProbe;
  readonly check: (...args: readonly string[]) => Promise<{ code: number | null; report: Report }>;
}

interface Report {
  readonly blobs: { readonly checked: number; readonly bytes: number };
  readonly manifests: number;
  readonly findings: readonly Found[];
}

interface Found {
  readonly kind: string;
  readonly digest: Digest;
  readonly repositories: readonly string[];
  readonly message: string;
  readonly repaired: boolean;
}

async function openWorld(): Promise<ServedStore> {
  await using opened = new AsyncDisposableStack();
  const hub = opened.use(await startHubProcess({ library: SMALL_LIBRARY }));
  const wharf = opened.use(await openWharf(hub));
  expect(await wharf.run(SYNC)).toMatchObject({ code: 0 });
  const server = opened.use(await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0']));
  const url = (await server.firstLine).replace('listening on ', '');
  const check: ServedStore['check'] = async (...args) => {
    const { code, stdout } = await wharf.run(['check', '--json', ...args]);
    return { code, report: JSON.parse(stdout) as Report };
  };
  const running = opened.move();
  return { hub, wharf, url, probe: new RegistryProbe(url), check, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function blobFiles({ dataFolder }: Wharf): Promise<readonly string[]> {
  const folder = path.join(dataFolder, 'blobs-v1/sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [path.join(entry.parentPath, entry.name)] : [])).sort();
}

function digestAt(file: string): Digest {
  return `sha256:${path.basename(file)}` as Digest;
}

/** Flips a bit, cuts it short, or removes it, in turn; gives what a check is to call it. */
async function damage(file: string, nth: number): Promise<readonly [Digest, string]> {
  const digest = digestAt(file);
  await chmod(file, 0o644);
  if (nth % 3 === 0) {
    await rm(file);
    return [digest, 'missing'];
  }
  const bytes = await readFile(file);
  if (nth % 3 === 1) await truncate(file, Math.floor(bytes.byteLength / 2));
  else await writeFile(file, bytes.with(0, (bytes[0] ?? 0) ^ 1));
  return [digest, 'corrupt'];
}

async function statusOf(url: string, repository: string, digest: Digest, method: 'GET' | 'HEAD'): Promise<number> {
  const response = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { method });
  await response.arrayBuffer();
  return response.status;
}

describe('wharf check, beside wharf serve', () => {
  test('finds exactly what was damaged, keeps it from being served, and fetches it again', async () => {
    await using world = await openWorld();
    const { wharf, check, probe, hub, url } = world;
    const files = await blobFiles(wharf);
    const clean = await check();
    expect(clean).toMatchObject({ code: 0, report: { blobs: { checked: files.length }, findings: [] } });
    const step = Math.floor(files.length / DAMAGED);
    const chosen = files.filter((_, nth) => nth % step === 0).slice(0, DAMAGED);
    const expected = await Promise.all(chosen.map(damage));
    const { code, report } = await check();
    expect(code).toBe(1);
    expect(Object.fromEntries(report.findings.map(({ digest, kind }) => [digest, kind]))).toEqual(
      Object.fromEntries(expected),
    );
    expect(report.findings).toHaveLength(DAMAGED);
    for (const { repositories, digest } of report.findings) {
      for (const method of ['GET', 'HEAD'] as const) {
        expect(await statusOf(url, repositories[0] ?? '', digest, method)).toBe(404);
      }
    }
    await hub.resetCounters();
    const repaired = await check('--repair');
    expect(repaired.code).toBe(0);
    expect(repaired.report.findings.filter((finding) => !finding.repaired)).toEqual([]);
    expect(repaired.report.findings).toHaveLength(DAMAGED);
    expect(await hub.counters()).toMatchObject({ manifestGets: 0 });
    for (const file of chosen) expect(digestOf(await readFile(file))).toBe(digestAt(file));
    expect(await probe.missing(manifestsOf(await hub.expected()))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    expect(await wharf.run(['check'])).toMatchObject({ code: 0, stdout: '' });
  });

  test('says of what was pushed that it is to be pushed again, which mends it', async () => {
    await using world = await openWorld();
    const { wharf, url } = world;
    const push = async () => {
      const upload = `${url}/v2/team/app/blobs/uploads/?digest=${digestOf('a layer')}`;
      expect((await fetch(upload, { method: 'POST', body: 'a layer' })).status).toBe(201);
    };
    await push();
    const file = (await blobFiles(wharf)).find((name) => digestAt(name) === digestOf('a layer')) ?? '';
    await chmod(file, 0o644);
    await writeFile(file, 'a liar!');
    const { code, stdout, stderr } = await wharf.run(['check', '--repair']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^corrupt: the blob sha256:\S+ of team\/app holds other bytes, .* push team\/app again\n$/);
    expect(stderr).toMatch(/^hashed \d+ blobs \(\S+ [kM]?B\) and \d+ manifests: 1 finding, 0 repaired$/m);
    await push();
    expect(await wharf.run(['check'])).toMatchObject({ code: 0, stdout: '' });
  });

  test('keeps a damaged manifest from being served, and fetches it again for one pull', async () => {
    await using world = await openWorld();
    const { wharf, check, probe, hub } = world;
    const [{ repository, digest } = { repository: '', digest: '' }] = await hub.expected();
    using database = new DatabaseSync(path.join(wharf.dataFolder, 'metadata-v1/metadata.db'));
    const damaged = database.prepare(
      `UPDATE manifest_bytes SET bytes = x'7b7d' WHERE manifest_id = (SELECT id FROM manifests WHERE digest = ?)`,
    );
    expect(damaged.run(digest).changes).toBe(1);
    database.close();
    const { code, report } = await check('--sample', '1');
    expect([code, report.findings]).toMatchObject([1, [{ kind: 'corrupt-manifest', digest, repaired: false }]]);
    expect(report.blobs.checked).toBe(1);
    expect((await fetch(`${world.url}/v2/${repository}/manifests/${digest}`)).status).toBe(404);
    await hub.resetCounters();
    expect(await check('--repair')).toMatchObject({ code: 0, report: { findings: [{ digest, repaired: true }] } });
    expect(await hub.counters()).toMatchObject({ manifestGets: 1, blobGets: 0 });
    expect(await probe.missing(manifestsOf(await hub.expected()))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });

  test('is clean while others sync, push and collect garbage', async () => {
    await using world = await openWorld();
    const { wharf, check, hub } = world;
    const [first] = await hub.expected();
    await hub.rebuild(first?.repository ?? '', first?.tag ?? '');
    const others = [SYNC, ['gc', '--older-than', '0s']].map((args) => wharf.run(args));
    const checks = await Promise.all([check(), check('--sample', '50%'), check('--repair')]);
    for (const { code, report } of checks) expect([code, report.findings]).toEqual([0, []]);
    for (const { code, stderr } of await Promise.all(others)) expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    expect(await check()).toMatchObject({ code: 0, report: { findings: [] } });
  });
});
