// Several processes on one data folder: together they cost what one would, and never ask for more than the limit.
import { describe, expect, test } from 'vitest';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit } from '../support/programs/program.ts';
import { type SyncWorld, distinctManifests, manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('docker-registry');

const JOBS = ['one', 'two', 'three'] as const;
const MOST_RUNS = 20;
/** What a killed process may have asked for at once by its tenth answer: eight, and one more after each. */
const IN_FLIGHT = 18;

describe.skipIf(missing !== undefined)(`several processes on one data folder${skipNote(missing)}`, () => {
  test('whose jobs want the same images pay for each manifest once', async () => {
    await using world = await openWorldOfJobs({ limit: 1000 });
    const exits = await Promise.all(JOBS.map((job) => world.wharf.run(['sync', job])));
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0]);
    await expectRight(world);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused: 0 });
  });

  test('spend no more pulls in a window than there are, and are never refused', async () => {
    await using world = await openWorldOfJobs({ limit: 20, windowSeconds: 3 });
    const exits = await Promise.all(JOBS.map((job) => runUntilDone(world, job)));
    expect(exits.map((runs) => runs.at(-1)?.code)).toEqual([0, 0, 0]);
    expect(exits.flat().filter(({ code }) => code !== 0 && code !== 3)).toEqual([]);
    expect(exits.flat().filter(({ code }) => code === 3).length).toBeGreaterThan(0);
    await expectRight(world);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: await distinctManifests(world), refused: 0 });
  });

  test('pay for each manifest once though one of them is killed', async () => {
    await using world = await openWorldOfJobs({ limit: 1000, latencyMs: 15 });
    const [killed, ...others] = await Promise.all(JOBS.map((job) => world.wharf.start(['sync', job])));
    await until(async () => (await world.hub.counters()).manifestGets > 10);
    killed?.kill('SIGKILL');
    const exits = await Promise.all(others.map(({ exited }) => exited));
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
    expect(await world.wharf.run(['sync', JOBS[0]])).toMatchObject({ code: 0 });
    await expectRight(world);
    const { manifestGets, refused } = await world.hub.counters();
    expect(refused).toBe(0);
    expect(manifestGets - (await distinctManifests(world))).toBeLessThanOrEqual(IN_FLIGHT);
  });

  test('run a job once at a time: the second run is refused in a sentence, and disturbs nothing', async () => {
    await using world = await openWorldOfJobs({ latencyMs: 15 });
    const first = await world.wharf.start(['sync', 'one']);
    await until(async () => (await world.hub.counters()).apiCalls > 0);
    // The first run waits for its upstream's answers, and so is there however long the second one takes to start.
    process.kill(world.hub.pid, 'SIGSTOP');
    const { code, stdout, stderr } = await world.wharf.run(['sync', 'one', '--json']);
    process.kill(world.hub.pid, 'SIGCONT');
    expect(stderr).toMatch(new RegExp(`^wharf: job "one" is already running in process ${first.pid} since .*\n$`));
    expect([code, stdout]).toEqual([2, '']);
    expect(await world.wharf.run(['sync', 'two'])).toMatchObject({ code: 0 });
    expect(await first.exited).toMatchObject({ code: 0 });
    expect(await world.wharf.run(['sync', 'one'])).toMatchObject({ code: 0 });
  });
});

/** Each job copies the whole library to a place of its own. */
async function openWorldOfJobs(hubOptions: { limit?: number; windowSeconds?: number; latencyMs?: number }) {
  const world = await openSyncWorld({ hub: hubOptions });
  const { hub, registry, wharf } = world;
  const catalog = { officialImages: { repository: SMALL_LIBRARY } };
  const sync = JOBS.map((name) => ({ name, catalog, to: `${registry.url}/${name}/{repository}` }));
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  await wharf.configure(JSON.stringify({ upstreams, data: './data', sync }));
  return world;
}

async function runUntilDone({ wharf }: SyncWorld, job: string): Promise<readonly Exit[]> {
  const exits: Exit[] = [];
  while (exits.length < MOST_RUNS && (exits.at(-1)?.code ?? 3) === 3) exits.push(await wharf.run(['sync', job]));
  return exits;
}

async function expectRight({ hub, target }: SyncWorld): Promise<void> {
  const expected = manifestsOf(await hub.expected());
  for (const job of JOBS) {
    const there = expected.map((one) => ({ ...one, repository: `${job}/${one.repository}` }));
    expect(await target.missing(there)).toEqual([]);
  }
  expect(await target.broken()).toEqual([]);
}
