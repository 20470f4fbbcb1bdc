// An upstream that misbehaves. What a GET of a manifest brought in full is never asked for again, and a refusal is not
// asked for twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ScriptedFault } from '../support/origin/fault-script.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type SyncRun, type SyncWorld, distinctManifests, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('docker-registry');

const METERED = { limit: 1000 };
const AWAY_MS = 3_000;
/** What a run may have asked for at once by its tenth answer: eight, and one more after each. */
const IN_FLIGHT = 18;

type Action = ScriptedFault['action'];

const MANIFESTS = { kind: 'manifest', method: 'GET' } as const;
const BLOBS = { kind: 'cdn' } as const;
const KINDS = ['manifest', 'blob', 'cdn', 'api', 'token'] as const;
const ofEachKind = (every: number, action: Action): ScriptedFault[] =>
  KINDS.map((kind) => ({ when: { kind, every }, action }));
const tooMany = (headers: Record<string, string> = {}): Action => [
  'respond',
  { status: 429, headers, body: 'Too Many Requests' },
];

describe.skipIf(missing !== undefined)(`an upstream from which one run recovers${skipNote(missing)}`, () => {
  // Each how manieth request for manifests, and for blobs, fails, and is repeated once.
  test.each<readonly [fault: string, manifests: number, blobs: number, faults: readonly ScriptedFault[]]>([
    ['cuts off each seventh blob', 0, 7, [{ when: { ...BLOBS, every: 7 }, action: ['truncateAt', 50] }]],
    ['flips a bit of each seventh blob', 0, 7, [{ when: { ...BLOBS, every: 7 }, action: ['corruptAt', 50] }]],
    ['resets each seventh blob', 0, 7, [{ when: { ...BLOBS, every: 7 }, action: ['resetAt', 50] }]],
    ['answers each eleventh request of each kind with 503', 11, 11, ofEachKind(11, ['respond', { status: 503 }])],
    ['resets each eleventh connection of each kind', 11, 11, ofEachKind(11, ['resetAt', 0])],
    ['cuts off each ninth manifest', 9, 0, [{ when: { ...MANIFESTS, every: 9 }, action: ['truncateAt', 50] }]],
  ])('%s', async (_fault, manifests, blobs, faults) => {
    await using world = await openSyncWorld({ hub: METERED });
    await world.hub.setFaults(...faults);
    const run = await world.sync();
    await expectDone(world, run);
    const blobsSent = run.report.targets[world.registry.host]?.blobPuts ?? 0;
    expect(await world.hub.counters()).toMatchObject({
      manifestGets: requestsFor(await distinctManifests(world), manifests),
      cdnGets: requestsFor(blobsSent, blobs),
    });
  });

  test.each([
    ['a second', tooMany({ 'retry-after': '1' })],
    ['who knows how long', tooMany()],
  ])('is asked too much, and wants us to wait for %s', async (_howLong, action) => {
    await using world = await openSyncWorld({ hub: METERED });
    await world.hub.setFaults({ when: { origin: 'registry', nth: [20, 24] }, action });
    await expectDone(world, await world.sync());
    expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused: 5 });
  });

  test.each<readonly [fault: string, action: Action]>([
    ['is asked too much', tooMany({ 'x-retry-after': '4102444800' })],
    ['is out of order', ['respond', { status: 503 }]],
    ['shows a web page', ['html']],
    ['forgets the digests', ['respond', { status: 200, body: '{"results":[{"name":"latest"}]}' }]],
  ])('has a web API that %s: a HEAD for each tag tells the same', async (_fault, action) => {
    await using world = await openSyncWorld({ hub: METERED });
    await world.hub.setFaults({ when: { kind: 'api' }, action });
    const run = await world.sync();
    await expectDone(world, run);
    const { manifestGets, manifestHeads } = await world.hub.counters();
    expect(manifestGets).toBe(await distinctManifests(world));
    // One more asks how many pulls are left.
    expect(manifestHeads - run.report.tags.wanted).toBeLessThanOrEqual(1);
  });

  test('vanishes for a while', async () => {
    await using world = await openSyncWorld({ hub: METERED });
    const running = await world.startSync();
    await until(async () => (await world.hub.counters()).cdnGets > 20);
    await world.hub.setFaults({ when: {}, action: ['resetAt', 0] });
    await sleep(AWAY_MS);
    const { manifestGets } = await world.hub.counters();
    await world.hub.setFaults();
    expect(await running.exited).toMatchObject({ code: 0 });
    expect(await world.wrong()).toEqual([]);
    expect((await world.hub.counters()).manifestGets).toBeLessThanOrEqual(manifestGets + IN_FLIGHT);
  });
});

describe.skipIf(missing !== undefined)(`an upstream that has to be set right first${skipNote(missing)}`, () => {
  test.each([
    ['', { 'retry-after': '2' }],
    [', without saying how long that lasts', {}],
  ])('refuses for want of pulls that others spent%s', async (_words, headers) => {
    await using world = await openSyncWorld({ hub: { ...METERED, windowSeconds: 2 } });
    const rate = { 'ratelimit-limit': '1000;w=2', 'ratelimit-remaining': '0;w=2' };
    const errors = [{ code: 'TOOMANYREQUESTS', message: 'You have reached your unauthenticated pull rate limit.' }];
    await world.hub.setFaults({
      when: { kind: 'manifest', nth: [12, 100_000] },
      action: ['respond', { status: 429, headers: { ...rate, ...headers }, body: JSON.stringify({ errors }) }],
    });
    const first = await world.sync();
    expect(first).toMatchObject({ code: 3, report: { failures: [], tags: { failed: 0 } } });
    expect(await world.target.broken()).toEqual([]);
    const { refused } = await world.hub.counters();
    expect(refused).toBeLessThanOrEqual(IN_FLIGHT);

    await world.hub.setFaults();
    await world.syncUntilDone(10);
    expect(await world.wrong()).toEqual([]);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused });
  });

  // What the first run paid for in vain, of the GETs that it sent and were answered.
  test.each<readonly [fault: string, code: string, inVain: (gets: number) => number, fault: ScriptedFault]>([
    [
      'wants to be left alone for an hour',
      'RATE_LIMIT',
      () => 0,
      { when: { origin: 'registry', nth: 20 }, action: tooMany({ 'retry-after': '3600' }) },
    ],
    [
      'flips bits of each tenth manifest',
      'DIGEST_INVALID',
      (gets) => Math.floor(gets / 10),
      { when: { ...MANIFESTS, every: 10 }, action: ['corruptAt', 50] },
    ],
    [
      'shows a web page instead of each tenth manifest',
      'NOT_A_REGISTRY',
      (gets) => Math.floor(gets / 10),
      { when: { ...MANIFESTS, every: 10 }, action: ['html'] },
    ],
    ['denies all manifests', 'DENIED', (gets) => gets, { when: MANIFESTS, action: ['refuse', 'DENIED'] }],
    ['gives no tokens', 'NOT_A_REGISTRY', () => 0, { when: { kind: 'token' }, action: ['html'] }],
  ])('%s', async (_fault, code, inVain, fault) => {
    await using world = await openSyncWorld({ hub: METERED });
    await world.hub.setFaults(fault);
    const { report, code: exitCode } = await world.sync();
    expect(exitCode).toBe(1);
    expect(new Set(report.failures.map((one) => `${one.origin} ${one.code}`))).toEqual(new Set([`source ${code}`]));
    expect(await world.target.broken()).toEqual([]);
    const { manifestGets } = await world.hub.counters();

    await world.hub.setFaults();
    await expectDone(world, await world.sync());
    expect((await world.hub.counters()).manifestGets).toBe((await distinctManifests(world)) + inVain(manifestGets));
  });

  test('has a name that nobody knows', async () => {
    await using world = await openSyncWorld({ hub: METERED });
    const configure = (url: string, hubApi: string) =>
      world.wharf.configure(JSON.stringify({ upstreams: { 'docker.io': { url, hubApi } }, data: './data' }));
    await configure('http://hub.invalid', 'http://api.invalid');
    const { code, report } = await world.sync();
    expect(code).toBe(1);
    expect(report.tags.failed).toBe(report.tags.wanted);
    expect(report.failures[0]).toMatchObject({
      origin: 'source',
      code: 'NAME_RESOLUTION',
      message: expect.stringMatching(/^hub\.invalid is not known by that name/),
    });

    await configure(world.hub.registryUrl, world.hub.apiUrl);
    await expectDone(world, await world.sync());
    expect((await world.hub.counters()).manifestGets).toBe(await distinctManifests(world));
  });
});

async function expectDone(world: SyncWorld, { code, report }: SyncRun): Promise<void> {
  expect(report.failures).toEqual([]);
  expect(code).toBe(0);
  expect(await world.wrong()).toEqual([]);
}

/** How many requests it takes to get so many answers, where each nth fails; 0 is none. */
function requestsFor(answers: number, nth: number): number {
  if (nth === 0) return answers;
  let requests = answers;
  while (requests - Math.floor(requests / nth) < answers) requests += 1;
  return requests;
}
