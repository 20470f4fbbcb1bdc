// A target that misbehaves. What can be repeated is, within one run; of the rest the report says what is wrong, and a
// later run goes on from there. No manifest is paid for twice for it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ScriptedFault } from '../support/origin/fault-script.ts';
import { startRegistryProcess } from '../support/programs/registry-process.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { type SyncRun, type SyncWorld, distinctManifests, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const METERED = { limit: 1000 };
const AWAY_MS = 3_000;
const BLOB_PUT = { kind: 'upload', method: 'PUT' } as const;
const MANIFEST_PUT = { kind: 'manifest', method: 'PUT' } as const;
/** Long enough to meet requests of all kinds, and too short to meet one blob again and again. */
const BUSY_PART = [1, 220] as const;
/** As docker-registry says it. */
const DISK_FULL = JSON.stringify({
  errors: [{ code: 'UNKNOWN', message: 'unknown error', detail: 'write /var/lib/registry: no space left on device' }],
});

describe('a target from which one run recovers', () => {
  test.each<readonly [fault: string, when: ScriptedFault['when'], action: ScriptedFault['action']]>([
    ['answers each seventh request with 503', { every: 7, nth: BUSY_PART }, ['respond', { status: 503 }]],
    ['answers each eleventh request with 500', { every: 11, nth: BUSY_PART }, ['respond', { status: 500 }]],
    ['breaks each ninth connection', { every: 9, nth: BUSY_PART }, ['resetAt', 0]],
    ['is too busy for a second', { nth: [20, 30] }, ['respond', { status: 429, headers: { 'retry-after': '1' } }]],
    ['is too busy, without saying for how long', { nth: [20, 22] }, ['respond', { status: 429 }]],
    ['loses uploads', { ...BLOB_PUT, nth: [1, 20] }, ['refuse', 'BLOB_UPLOAD_UNKNOWN']],
    ['forgets blobs that it said it has', { ...BLOB_PUT, nth: [5, 8] }, ['forget']],
    ['takes no blob whole, but in chunks', BLOB_PUT, ['limitBody', 10]],
    ['does not say what it stored', {}, ['stripHeader', 'docker-content-digest']],
  ])('%s', async (_fault, when, action) => {
    await using world = await openWorldWith([{ when, action }]);
    const run = await world.sync();
    await world.registry.setFaults();
    await expectDone(world, run);
    await expectPaidOnce(world);
    const { cdnGets } = await world.hub.counters();
    expect(cdnGets).toBe(run.report.targets[world.registry.host]?.blobPuts);
  });

  test('vanishes for a while', async () => {
    await using world = await openWorldWith([]);
    const running = await world.startSync();
    await until(async () => (await world.registry.counters()).blobPuts > 20);
    await world.registry.setFaults({ when: {}, action: ['resetAt', 0] });
    await sleep(AWAY_MS);
    await world.registry.setFaults();
    expect(await running.exited).toMatchObject({ code: 0 });
    expect(await world.wrong()).toEqual([]);
    await expectPaidOnce(world);
  });

  test.each<readonly [what: string, mounts: number, faults: readonly ScriptedFault[]]>([
    ['mounts', 4, []],
    ['opens uploads instead of mounting', 0, [{ when: { kind: 'mount' }, action: ['ignoreQuery'] }]],
    ['forbids to mount', 0, [{ when: { kind: 'mount' }, action: ['refuse', 'DENIED'] }]],
    ['does not know what mounting is', 0, [{ when: { kind: 'mount' }, action: ['refuse', 'UNSUPPORTED'] }]],
    [
      'fails to mount each second time',
      4,
      [{ when: { kind: 'mount', every: 2 }, action: ['respond', { status: 500 }] }],
    ],
  ])('%s: what it has elsewhere is not fetched again', async (_what, mounts, faults) => {
    await using library = await writeLibraryOfOneBase();
    await using world = await openWorldWith(faults, library.path);
    await expectDone(world, await world.sync());
    await expectPaidOnce(world);
    const atTarget = await world.registry.counters();
    expect(atTarget.mounts).toBe(mounts);
    const { cdnGets } = await world.hub.counters();
    expect(cdnGets).toBe(Object.keys(atTarget.blobPutsByDigest).length);
    expect(atTarget.blobPuts + atTarget.mounts).toBe(cdnGets + 4);
  });
});

describe('a target that has to be set right first', () => {
  test.each<readonly [fault: string, code: string, when: ScriptedFault['when'], action: ScriptedFault['action']]>([
    ['lets no large bodies through, in chunks neither', 'TOO_LARGE', { kind: 'upload' }, ['limitBody', 500]],
    [
      'has a full disk',
      'STORAGE_FULL',
      { method: ['PUT', 'POST'], nth: [40, 100_000] },
      ['respond', { status: 500, body: DISK_FULL }],
    ],
    ['shows a web page to whoever sends manifests', 'NOT_A_REGISTRY', MANIFEST_PUT, ['html']],
    [
      'stores manifests as something else',
      'DIGEST_INVALID',
      MANIFEST_PUT,
      ['setHeader', 'docker-content-digest', `sha256:${'0'.repeat(64)}`],
    ],
    ['denies manifests', 'DENIED', MANIFEST_PUT, ['refuse', 'DENIED']],
  ])('%s', async (_fault, code, when, action) => {
    await using world = await openWorldWith([{ when, action }]);
    const { code: exitCode, report } = await world.sync();
    expect(exitCode).toBe(1);
    expect(new Set(report.failures.map((one) => `${one.origin} ${one.code}`))).toEqual(new Set([`target ${code}`]));
    await world.registry.setFaults();
    expect(await world.target.broken()).toEqual([]);

    await expectDone(world, await world.sync());
    await expectPaidOnce(world);
  });

  test('shows a web page to everybody: nothing is fetched for it', async () => {
    await using world = await openWorldWith([{ when: {}, action: ['html'] }]);
    const { code, stderr, stdout } = await world.sync();
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^wharf: cannot push to the target: .* no registry's answer\n$/);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: 0, cdnGets: 0 });
  });
});

async function openWorldWith(faults: readonly ScriptedFault[], library?: string) {
  await using started = new AsyncDisposableStack();
  const target = started.use(await startRegistryProcess(...faults));
  const hub = { ...METERED, ...(library !== undefined && { library }) };
  const world = started.use(await openSyncWorld({ hub, target }));
  const running = started.move();
  return { ...world, registry: target, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Three repositories whose images, for two platforms each, are built on the same two base layers. */
async function writeLibraryOfOneBase() {
  const folder = await scratchFolder('library');
  await mkdir(path.join(folder.path, 'library'));
  for (const name of ['one', 'two', 'three']) {
    const lines = [
      'Maintainers: Ada Vance <ada@harbour.example> (@ada-vance)',
      `GitRepo: https://git.harbour.example/${name}.git`,
      'GitCommit: 72b3659af1d48ac4e035791bdf13579bdf024680',
      '',
      'Tags: 1-trixie',
      'Architectures: amd64, arm64v8',
    ];
    await writeFile(path.join(folder.path, 'library', name), `${lines.join('\n')}\n`);
  }
  return folder;
}

async function expectDone(world: SyncWorld, { code, report }: SyncRun): Promise<void> {
  expect(report.failures).toEqual([]);
  expect(code).toBe(0);
  expect(await world.wrong()).toEqual([]);
}

async function expectPaidOnce(world: SyncWorld): Promise<void> {
  expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused: 0 });
}
