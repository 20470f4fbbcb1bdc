// A mirror can save pulls, and can do no harm: whatever it answers, one run copies everything, and every byte is right.
import { describe, expect, test } from 'vitest';
import type { ScriptedFault } from '../support/origin/fault-script.ts';
import { freePort } from '../support/programs/free-port.ts';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import {
  type SyncRun,
  type SyncWorld,
  distinctManifests,
  manifestsOf,
  openSyncWorld,
} from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry');

const METERED = { limit: 1000 };
const MANIFESTS = { kind: 'manifest', method: 'GET' } as const;
const BLOBS = { kind: 'cdn' } as const;
const ANOTHER_MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
});
/** What a mirror is asked for at most before its first answers tell that it is of no use. */
const FEW = 24;
/** Blobs that are under way at once, when the first of them turns out to be wrong. */
const MOST_TRANSFERS = 64;

type Row = readonly [fault: string, when: ScriptedFault['when'], action: ScriptedFault['action']];

describe.skipIf(missing !== undefined)(`a mirror${skipNote(missing)}`, () => {
  test.each<Row>([
    ['flips bits of manifests', MANIFESTS, ['corruptAt', 20]],
    ['answers with another manifest', MANIFESTS, ['replaceBody', ANOTHER_MANIFEST]],
  ])('that %s is told with the proof, and asked no more', async (_fault, when, action) => {
    await using it = await syncWith({ when, action });
    expect(it.run.report.notices).toEqual([lieOf(it.mirror)]);
    expect((await it.world.hub.counters()).manifestGets).toBe(await distinctManifests(it.world));
    expect(await it.mirror.counters()).toMatchObject({ manifestGets: expect.toSatisfy(isFew), cdnGets: 0 });
  });

  test('that flips bits of blobs is told with the proof, and asked no more', async () => {
    await using it = await syncWith({ when: BLOBS, action: ['corruptAt', 200] });
    expect(it.run.report.notices).toEqual([lieOf(it.mirror)]);
    const [atMirror, atHub] = [await it.mirror.counters(), await it.world.hub.counters()];
    expect(atMirror.manifestGets + atHub.manifestGets).toBe(await distinctManifests(it.world));
    expect(atMirror.cdnGets).toBeLessThanOrEqual(MOST_TRANSFERS);
  });

  // How often each manifest is asked for there; 0 is not even each of them.
  test.each<readonly [...Row, times: number]>([
    ['shows a web page', MANIFESTS, ['html'], 1],
    ['cuts manifests off', MANIFESTS, ['truncateAt', 100], 3],
    ['sends in circles', MANIFESTS, ['redirectTo', '/v2/library/x/manifests/latest'], 6],
    ['sends to an internal address', MANIFESTS, ['redirectTo', 'http://169.254.169.254/latest/meta-data'], 1],
    ['does not answer', MANIFESTS, ['hang'], 0],
    ['is out of order', MANIFESTS, ['respond', { status: 503 }], 0],
    ['breaks connections', MANIFESTS, ['resetAt', 0], 0],
    ['wants a login', { origin: 'registry' }, ['refuse', 'UNAUTHORIZED'], 0],
    ['forbids everything', MANIFESTS, ['refuse', 'DENIED'], 0],
    ['is too busy for an hour', MANIFESTS, ['respond', { status: 429, headers: { 'retry-after': '3600' } }], 0],
    ['is too busy, for who knows how long', MANIFESTS, ['respond', { status: 429 }], 0],
    ['has no pulls left', MANIFESTS, ['refuse', 'TOOMANYREQUESTS', 'You have reached your pull rate limit.'], 0],
  ])('that %s costs what it does not save', async (_fault, when, action, times) => {
    await using it = await syncWith({ when, action });
    const distinct = await distinctManifests(it.world);
    expect(it.run.report.notices).toEqual([]);
    expect((await it.world.hub.counters()).manifestGets).toBe(distinct);
    const { manifestGets, refused, unauthorized } = await it.mirror.counters();
    if (times > 0) expect(manifestGets).toBe(times * distinct);
    else expect(manifestGets + refused + unauthorized).toSatisfy(isFew);
  });

  test.each([
    ['does not listen', async () => `http://127.0.0.1:${await freePort()}`],
    ['has a name that nobody knows', () => Promise.resolve('http://mirror.invalid')],
  ])('that %s costs what it does not save', async (_fault, url) => {
    await using world = await openSyncWorld({ hub: METERED, mirrors: [{ url: await url() }] });
    await expectRight(world, await world.sync());
    expect((await world.hub.counters()).manifestGets).toBe(await distinctManifests(world));
  });

  test('that lacks half costs that half', async () => {
    const action = ['refuse', 'MANIFEST_UNKNOWN'] as const;
    await using it = await syncWith({ when: { ...MANIFESTS, path: 'sha256:[0-7]' }, action });
    const digests = new Set(manifestsOf(await it.world.hub.expected()).map(({ digest }) => digest));
    const lacked = [...digests].filter((digest) => /^sha256:[0-7]/.test(digest));
    expect((await it.world.hub.counters()).manifestGets).toBe(lacked.length);
    expect((await it.mirror.counters()).manifestGets).toBe(digests.size);
  });

  test.each<Row>([
    ['calls manifests by a wrong type', MANIFESTS, ['setHeader', 'content-type', 'application/octet-stream']],
    ['names another digest', MANIFESTS, ['setHeader', 'docker-content-digest', `sha256:${'0'.repeat(64)}`]],
  ])('that %s saves all pulls, as its bytes are right', async (_fault, when, action) => {
    await using it = await syncWith({ when, action });
    expect(it.run.report.notices).toEqual([]);
    expect(await it.world.hub.counters()).toMatchObject({ manifestGets: 0, cdnGets: 0 });
  });

  test.each<Row>([
    ['cuts blobs off', BLOBS, ['truncateAt', 50]],
    ['resets the connection in the middle of blobs', BLOBS, ['resetAt', 50]],
    ['lacks all blobs', { kind: 'blob' }, ['refuse', 'BLOB_UNKNOWN']],
    ['shows a web page instead of blobs', BLOBS, ['html']],
    ['is wrong about the length of blobs', BLOBS, ['setHeader', 'content-length', '40']],
    ['does not say how long blobs are', BLOBS, ['stripHeader', 'content-length']],
  ])('that %s saves all pulls, and the hub gives each blob, or its rest, once', async (_fault, when, action) => {
    await using it = await syncWith({ when, action });
    expect(it.run.report.notices).toEqual([]);
    expect(await it.world.hub.counters()).toMatchObject({ manifestGets: 0, cdnGets: blobsSent(it) });
  });
});

describe.skipIf(missing !== undefined)(`a window of 30 pulls${skipNote(missing)}`, () => {
  const NARROW = { limit: 30, windowSeconds: 4 };

  test('is left untouched by one run with a mirror that knows digests and no tags', async () => {
    await using mirror = await startHubProcess({ library: SMALL_LIBRARY });
    await mirror.setFaults({ when: { kind: 'manifest', path: 'manifests/(?!sha256:)' }, action: ['refuse', 'DENIED'] });
    await using world = await openSyncWorld({
      hub: NARROW,
      mirrors: [{ url: mirror.registryUrl, for: ['manifests'] }],
    });
    await expectRight(world, await world.sync());
    expect(await world.hub.counters()).toMatchObject({ manifestGets: 0, refused: 0 });
    const manifestGets = await distinctManifests(world);
    expect(await mirror.counters()).toMatchObject({ manifestGets, manifestHeads: 0, blobGets: 0 });
  });

  test('is used up again and again without a mirror, and never exceeded', async () => {
    await using world = await openSyncWorld({ hub: NARROW });
    const runs = await world.syncUntilDone(30);
    expect(runs.map(({ code }) => code)).toEqual([...runs.slice(1).map(() => 3), 0]);
    expect(runs.length).toBeGreaterThan(1);
    expect(runs.flatMap(({ report }) => report.failures)).toEqual([]);
    expect(await world.wrong()).toEqual([]);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused: 0 });
  });
});

/** One run with a mirror that has all that the hub has, to the byte, but for the fault. */
async function syncWith(fault: ScriptedFault) {
  await using started = new AsyncDisposableStack();
  const mirror = started.use(await startHubProcess({ library: SMALL_LIBRARY }));
  await mirror.setFaults(fault);
  const world = started.use(await openSyncWorld({ hub: METERED, mirrors: [{ url: mirror.registryUrl }] }));
  const run = await world.sync();
  await expectRight(world, run);
  const running = started.move();
  return { world, mirror, run, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function expectRight(world: SyncWorld, { code, report }: SyncRun): Promise<void> {
  expect(report.failures).toEqual([]);
  expect(code).toBe(0);
  expect(await world.wrong()).toEqual([]);
  expect(report.tags.copied).toBe((await world.hub.expected()).length);
  const { manifestGetsByDigest, refused } = await world.hub.counters();
  expect(Object.values(manifestGetsByDigest).filter((times) => times > 1)).toEqual([]);
  expect(refused).toBe(0);
}

/** The notice that names the mirror, with the proof. */
function lieOf({ registryUrl }: HubProcess): unknown {
  const { host } = new URL(registryUrl);
  return expect.stringMatching(
    new RegExp(`^the mirror ${registryUrl} lied, and was asked no more: ${host} .* hash to sha256:`),
  );
}

function blobsSent({ run, world }: { run: SyncRun; world: SyncWorld }): number | undefined {
  return run.report.targets[world.registry.host]?.blobPuts;
}

function isFew(requests: number): boolean {
  return requests <= FEW;
}
