// Whatever ends a run before its time leaves the target right, and the next run goes on from there.
import { describe, expect, test } from 'vitest';
import type { HubCounts } from '../support/programs/hub-process.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type SyncWorld, manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('docker-registry');

/** So that a run lasts long enough to be stopped in its middle. */
const SLOW = { hub: { latencyMs: 15 } };
/** Of pulls: enough for some of the images. */
const LIMIT = 20;

describe.skipIf(missing !== undefined)(`wharf sync, stopped${skipNote(missing)}`, () => {
  test.each<[string, (counts: HubCounts) => number]>([
    ['before the first manifest has come', ({ apiCalls }) => apiCalls],
    ['when the first manifests have come', ({ manifestGets }) => manifestGets],
    ['when the first blobs are on their way', ({ cdnGets }) => cdnGets],
    ['in the middle', ({ cdnGets }) => cdnGets - 30],
    ['towards the end', ({ cdnGets }) => cdnGets - 80],
  ])('killed %s, the next run ends right', async (_when, progress) => {
    await using world = await openSyncWorld(SLOW);
    expect(await stop(world, 'SIGKILL', progress)).toMatchObject({ code: 137 });
    expect(await world.target.broken()).toEqual([]);
    const { code, report } = await world.sync();
    expect(report.failures).toEqual([]);
    expect(code).toBe(0);
    expect(await world.missing()).toEqual([]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a run cleanly with %i, and every tag that exists is whole', async (signal, exitCode) => {
    await using world = await openSyncWorld(SLOW);
    const { code, stderr } = await stop(world, signal, ({ cdnGets }) => cdnGets - 30);
    expect(code).toBe(exitCode);
    expect(stderr).toContain(`stopped by ${signal}`);
    expect(stderr).not.toContain('    at ');
    expect(await world.target.broken()).toEqual([]);
    expect(await world.sync()).toMatchObject({ code: 0 });
    expect(await world.missing()).toEqual([]);
  });

  test('when the pulls run out, the rest is deferred, and later windows go on from there without paying twice', async () => {
    await using world = await openSyncWorld({ hub: { limit: LIMIT, windowSeconds: 3 } });
    const first = await world.sync();
    expect(first.code).toBe(3);
    const { wanted, copied, deferred } = first.report.tags;
    expect(first.report.tags).toEqual({ wanted, copied, upToDate: 0, pending: 0, deferred, failed: 0 });
    expect(copied + deferred).toBe(wanted);
    expect(deferred).toBeGreaterThan(0);
    expect(first.report.failures).toEqual([]);
    expect(await world.target.broken()).toEqual([]);

    let last = first;
    for (let run = 0; last.code === 3 && run < 60; run += 1) last = await world.sync();
    expect(last).toMatchObject({ code: 0, report: { tags: { wanted, failed: 0, deferred: 0 } } });
    expect(await world.missing()).toEqual([]);
    const distinct = new Set(manifestsOf(await world.hub.expected()).map(({ digest }) => digest)).size;
    expect(await world.hub.counters()).toMatchObject({ manifestGets: distinct, refused: 0 });
  });

  test('--deferred-ok makes that 0', async () => {
    await using world = await openSyncWorld({ hub: { limit: LIMIT } });
    expect(await world.sync(['--deferred-ok'])).toMatchObject({ code: 0 });
  });

  test('no pull is asked for that is not there', async () => {
    await using world = await openSyncWorld({ hub: { ...SLOW.hub, limit: 3 } });
    await world.sync();
    expect((await world.hub.counters()).refused).toBe(0);
  });

  test('when no pull is left from the start, all is deferred at once', async () => {
    await using world = await openSyncWorld({ hub: { limit: 0 } });
    const { code, report } = await world.sync();
    expect(report.tags).toMatchObject({ deferred: report.tags.wanted, failed: 0 });
    expect(code).toBe(3);
  });
});

/** Starts a run, and sends the signal once `progress` is above 0. */
async function stop(world: SyncWorld, signal: NodeJS.Signals, progress: (counts: HubCounts) => number) {
  const program = await world.startSync();
  let hasEnded = false;
  void program.exited.finally(() => {
    hasEnded = true;
  });
  await until(async () => hasEnded || progress(await world.hub.counters()) > 0);
  program.kill(signal);
  return await program.exited;
}
