// What the machine itself can do to a run: kill it, fill its disk, damage what it remembers.
import { existsSync } from 'node:fs';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import type { HubCounts } from '../support/programs/hub-process.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { mountSmallDisk, whyNoSmallDisk } from '../support/programs/small-disk.ts';
import { type SyncWorld, distinctManifests, manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('docker-registry');
const noDisk = missing ?? (await whyNoSmallDisk());

const METERED = { limit: 1000 };

describe.skipIf(missing !== undefined)(`kill -9${skipNote(missing)}`, () => {
  const KILLS = 12;
  const LATENCY_MS = 10;

  test('at random points, again and again: no manifest that was kept is paid for again', async () => {
    await using world = await openSyncWorld({ hub: { ...METERED, latencyMs: LATENCY_MS } });
    const points = Array.from({ length: KILLS }, () => 1 + Math.floor(Math.random() * 40));
    /** How often a manifest was answered, and its reader dead before it was kept. */
    const lost = new Map<string, number>();
    for (const point of points) {
      await killAfter(world, point);
      expect(await world.target.broken(), `killed after ${points.join(', ')} requests`).toEqual([]);
      const { manifestGetsByDigest } = await settledCounters(world, LATENCY_MS);
      for (const [digest, times] of Object.entries(manifestGetsByDigest)) {
        if (!isKept(world, digest)) lost.set(digest, times);
      }
    }
    await world.syncUntilDone(1);
    expect(await world.wrong()).toEqual([]);
    const paid = Object.entries((await world.hub.counters()).manifestGetsByDigest);
    const wasted = paid.filter(([digest, times]) => times !== 1 + (lost.get(digest) ?? 0));
    expect(wasted, `killed after ${points.join(', ')} requests`).toEqual([]);
    expect(paid).toHaveLength(await distinctManifests(world));
  });
});

/** Starts a run, and kills it when the hub has seen so many more requests. */
async function killAfter(world: SyncWorld, requests: number): Promise<void> {
  const before = await requestsSeen(world);
  const program = await world.startSync();
  await until(async () => (await requestsSeen(world)) >= before + requests);
  program.kill('SIGKILL');
  await program.exited;
}

async function requestsSeen({ hub }: SyncWorld): Promise<number> {
  const { manifestGets, manifestHeads, blobGets, cdnGets, apiCalls } = await hub.counters();
  return manifestGets + manifestHeads + blobGets + cdnGets + apiCalls;
}

/** The hub answers, and counts, what the dead had asked for. */
async function settledCounters({ hub }: SyncWorld, latencyMs: number): Promise<HubCounts> {
  await sleep(10 * latencyMs);
  return await hub.counters();
}

function isKept({ wharf }: SyncWorld, digest: string): boolean {
  const hex = digest.slice('sha256:'.length);
  return existsSync(path.join(wharf.dataFolder, 'manifests-v1/sha256', hex.slice(0, 2), hex));
}

describe.skipIf(missing !== undefined)(`what a run remembers, when it is damaged,${skipNote(missing)}`, () => {
  test.each<[string, (file: string) => Promise<void>]>([
    ['overwritten', (file) => writeFile(file, 'rubbish '.repeat(20_000))],
    ['cut short', (file) => truncate(file, 10_000)],
    ['overwritten in part', (file) => overwrite(file, 8192, Buffer.alloc(20_000, 0x5a))],
  ])('is moved aside when its journal was %s, and the target tells the rest', async (_how, damage) => {
    await using world = await openSyncWorld({ hub: { limit: 30, windowSeconds: 3 } });
    expect(await world.sync()).toMatchObject({ code: 3 });
    const folder = path.join(world.wharf.dataFolder, 'journal-v1');
    await damage(path.join(folder, 'journal.db'));
    const [next, ...later] = await world.syncUntilDone(30);
    const { manifestGets, refused } = await world.hub.counters();
    expect(next?.stderr).toMatch(/^note: the journal .* was damaged .* it is now .*corrupt-.* and a new one begins$/m);
    expect(later.filter(({ stderr }) => stderr.includes('damaged'))).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.startsWith('journal.db.corrupt-'))).toHaveLength(1);
    expect(await world.wrong()).toEqual([]);
    expect(manifestGets).toBe(await distinctManifests(world));
    // Whoever has forgotten that nothing is left asks, by HEAD: for the budget, and for a tag that the web API leaves open.
    expect(refused).toBeLessThanOrEqual(2);
  });

  test('is bought again when bits of a kept manifest flipped, and nothing else is', async () => {
    await using world = await openSyncWorld({ hub: METERED });
    await world.syncUntilDone(1);
    const damaged = 5;
    for (const file of (await keptFiles(world)).slice(0, damaged)) await flipBit(file);
    await using second = await startDockerRegistry();
    expect(await world.sync(['--to', second.url])).toMatchObject({ code: 0 });
    const target = new RegistryProbe(second.url);
    expect(await target.missing(manifestsOf(await world.hub.expected()))).toEqual([]);
    expect(await target.broken()).toEqual([]);
    expect((await world.hub.counters()).manifestGets).toBe((await distinctManifests(world)) + damaged);
  });
});

async function keptFiles({ wharf }: SyncWorld): Promise<readonly string[]> {
  const folder = path.join(wharf.dataFolder, 'manifests-v1/sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

async function flipBit(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function overwrite(file: string, at: number, bytes: Buffer): Promise<void> {
  const content = await readFile(file);
  bytes.copy(content, at);
  await writeFile(file, content);
}

describe.skipIf(noDisk !== undefined)(`a disk that is full${skipNote(noDisk)}`, () => {
  /** Room for the journal and for some twenty manifests, so that a run asks for eight at once, and one more after each. */
  const DATA_KIB = 200;
  const IN_FLIGHT = 28;
  /** Room for some of the blobs. */
  const TARGET_KIB = 600;

  test('and holds what wharf remembers ends the run with a sentence, and the next one goes on from there', async () => {
    await using disk = await mountSmallDisk(DATA_KIB);
    await using world = await openSyncWorld({ hub: METERED, data: disk.path });
    const { code, stderr } = await world.sync();
    // Some images failed, or the run could not be brought to its end.
    expect([1, 2]).toContain(code);
    expect(stderr).toMatch(/(?:journal\.db|manifests-v1) cannot grow, as the disk is full; free some space$/m);
    expect(await world.target.broken()).toEqual([]);
    await disk.resize(100 * DATA_KIB);
    await world.syncUntilDone(1);
    expect(await world.wrong()).toEqual([]);
    const { manifestGets, refused } = await world.hub.counters();
    expect(refused).toBe(0);
    expect(manifestGets).toBeLessThanOrEqual((await distinctManifests(world)) + IN_FLIGHT);
  });

  // What docker-registry itself leaves half-written then, only its owner can clear away.
  test('and is the target’s is named as such, and no tag is broken by it', async () => {
    await using disk = await mountSmallDisk(TARGET_KIB);
    await using world = await openSyncWorld({ hub: METERED, registry: { content: disk.path } });
    const { code, report } = await world.sync();
    expect(code).toBe(1);
    expect(report.failures.filter(({ origin }) => origin !== 'target')).toEqual([]);
    const full = report.failures.filter((failure) => failure.code === 'STORAGE_FULL');
    expect(full.length).toBeGreaterThan(report.failures.length / 2);
    expect(full[0]?.message).toMatch(/ has no space left for .*; free some there$/);
    expect(await world.target.broken()).toEqual([]);
    const { manifestGets } = await world.hub.counters();
    expect(manifestGets).toBeLessThanOrEqual(await distinctManifests(world));
  });
});
