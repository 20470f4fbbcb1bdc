import { describe, expect, test } from 'vitest';
import { IMAGES, NGINX, REDIS, counts, startJobWorld } from '../../test/support/client/job-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parsePlatform } from '../oci/platform.ts';
import { parseTag } from '../oci/reference.ts';
import { planJob } from './run.ts';

describe('a first run', () => {
  test('brings every tag to its digest, with every platform', async () => {
    await using world = await startJobWorld(IMAGES);
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, copied: 3 }));
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 6 }));
    expect(report.failures).toEqual([]);
    expect(world.wrongTags()).toEqual([]);
  });

  test('fetches each manifest once and sends each blob once, and resolves without a pull', async () => {
    await using world = await startJobWorld(IMAGES);
    await world.run();
    const { manifestGets, manifestGetsByDigest, manifestHeads } = world.hub.counters;
    // The one HEAD tells how many pulls are left, before the first is spent.
    expect([manifestGets, manifestHeads]).toEqual([5 + 5 + 3, 1]);
    expect([...manifestGetsByDigest.values()].every((times) => times === 1)).toBe(true);
    expect([...world.target.counters.blobPutsByDigest.values()].every((times) => times === 1)).toBe(true);
    expect(world.hub.counters.cdnGets).toBe(world.target.counters.blobPuts);
  });

  test('reports what the doubles counted', async () => {
    await using world = await startJobWorld(IMAGES);
    const { sources, targets, seconds } = await world.run();
    const { manifestGets, apiCalls, blobGets } = world.hub.counters;
    expect(sources['docker.io']).toMatchObject({ manifestGets, apiCalls, blobGets, heads: 1 });
    const { blobPuts, mounts, manifestPuts } = world.target.counters;
    expect(targets['target-0']).toMatchObject({ blobPuts, mounts, manifestPuts });
    expect(targets['target-0']?.bytes).toBeGreaterThan(0);
    expect(seconds).toBe(0);
  });

  test('tells what is listed, planned, started and finished', async () => {
    await using world = await startJobWorld(IMAGES);
    await world.run();
    const of = (type: string) => world.events.filter((event) => event.type === type);
    expect(of('listed')).toEqual([{ type: 'listed', repositories: 2, images: 3, tags: 6 }]);
    expect(of('planned')).toHaveLength(2);
    expect(of('started')).toHaveLength(3);
    expect(of('finished')).toHaveLength(3);
    expect(of('bytes').length).toBeGreaterThan(0);
  });
});

describe('a second run', () => {
  test('fetches nothing and changes nothing', async () => {
    await using world = await startJobWorld(IMAGES);
    await world.run();
    world.hub.resetCounters();
    world.target.resetCounters();
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, upToDate: 3 }));
    expect(report.tags).toEqual(counts({ wanted: 6, upToDate: 6 }));
    expect(world.hub.counters).toMatchObject({ manifestGets: 0, manifestHeads: 0, blobGets: 0 });
    expect(world.target.counters).toMatchObject({ manifestPuts: 0, blobPuts: 0, mounts: 0 });
  });

  test('copies only what was built anew, and its base not again', async () => {
    await using world = await startJobWorld(IMAGES);
    await world.run();
    world.hub.rebuild('library/nginx', '1.27');
    world.hub.resetCounters();
    world.target.resetCounters();
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, copied: 1, upToDate: 2 }));
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 3, upToDate: 3 }));
    expect(world.hub.counters.manifestGets).toBe(5);
    expect(world.target.counters.blobPuts).toBe(world.hub.counters.blobGets);
    expect(world.wrongTags()).toEqual([]);
  });

  test('moves one tag that somebody moved away, without fetching anything', async () => {
    await using world = await startJobWorld(IMAGES);
    await world.run();
    const wrong = world.target.content.manifest('library/nginx', '1.26');
    const url = `${world.target.url}/v2/library/nginx/manifests/latest`;
    const headers = { 'content-type': wrong?.mediaType ?? '' };
    await fetch(url, { method: 'PUT', headers, body: Buffer.from(wrong?.bytes ?? []) });
    world.hub.resetCounters();
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 1, upToDate: 5 }));
    expect(world.hub.counters).toMatchObject({ manifestGets: 0, blobGets: 0 });
    expect(world.wrongTags()).toEqual([]);
  });
});

describe('what is not there yet', () => {
  test('is pending, not failed: a tag', async () => {
    await using world = await startJobWorld(IMAGES);
    world.hub.remove('library/nginx', '1');
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 5, pending: 1 }));
    expect(report.failures).toEqual([]);
  });

  test('is pending, not failed: a repository that neither the web API nor the registry knows', async () => {
    await using world = await startJobWorld(IMAGES);
    const listing = { images: [...IMAGES, catalogImage('brandnew', ['1', '2'])] };
    const report = await world.run({ catalog: world.job({}, listing).catalog });
    expect(report.tags).toEqual(counts({ wanted: 8, copied: 6, pending: 2 }));
    expect(report.images).toEqual(counts({ wanted: 4, copied: 3, pending: 1 }));
    expect(report.failures).toEqual([]);
  });
});

describe('several targets', () => {
  test('are filled while the upstream is asked once', async () => {
    await using world = await startJobWorld(IMAGES, { targets: 3 });
    const report = await world.run();
    expect(world.targets.map((target) => world.wrongTags(target))).toEqual([[], [], []]);
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 6 }));
    expect(world.hub.counters.manifestGets).toBe(13);
    expect([...world.hub.counters.manifestGetsByDigest.values()].every((times) => times === 1)).toBe(true);
    expect(world.hub.counters.blobGets).toBe(world.target.counters.blobPuts);
  });

  test('of which one has it all: only the other changes', async () => {
    await using world = await startJobWorld(IMAGES, { targets: 2 });
    const [first, second] = world.job().targets;
    if (first === undefined || second === undefined) throw new Error('two are two');
    await world.run({ targets: [first] });
    world.target.resetCounters();
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 6 }));
    expect(world.target.counters).toMatchObject({ manifestPuts: 0, blobPuts: 0 });
    expect(world.targets.map((target) => world.wrongTags(target))).toEqual([[], []]);
  });
});

describe('what is chosen', () => {
  test('by patterns leaves the rest alone', async () => {
    await using world = await startJobWorld(IMAGES);
    const selection = { include: [parsePattern('nginx')], exclude: [parsePattern('*:latest')], platforms: [] };
    const report = await world.run({ selection });
    expect(report.tags).toEqual(counts({ wanted: 3, copied: 3 }));
    expect(world.target.content.tags('library/nginx')).toEqual(['1', '1.26', '1.27']);
    expect(world.target.content.tags('library/redis')).toBeUndefined();
  });

  test('by platform is a rewritten index, which a second run knows again', async () => {
    await using world = await startJobWorld([NGINX]);
    const selection = { include: [], exclude: [], platforms: [parsePlatform('linux/arm64')] };
    await world.run({ selection });
    const index = world.target.content.manifest('library/nginx', '1.27');
    const { manifests } = JSON.parse(Buffer.from(index?.bytes ?? []).toString()) as { manifests: unknown[] };
    expect(manifests).toHaveLength(2);
    world.target.resetCounters();
    const report = await world.run({ selection });
    expect(report.images).toEqual(counts({ wanted: 1, upToDate: 1 }));
    expect(report.tags).toEqual(counts({ wanted: 3, upToDate: 3 }));
    expect(world.target.counters.manifestPuts).toBe(0);
  });

  test('gets other names at the target by its template', async () => {
    await using world = await startJobWorld([NGINX]);
    const targets = world.job().targets.map((target) => ({ ...target, template: 'mirror/{name}' }));
    await world.run({ targets });
    expect(world.target.content.repositories()).toEqual(['mirror/nginx']);
  });
});

describe('a plan', () => {
  test('says what a run would copy and what it costs, and changes nothing', async () => {
    await using world = await startJobWorld(IMAGES);
    const costs: number[] = [];
    const report = await planJob(world.job(), { onEvent: () => undefined, now: () => 0 }, ({ actions }) => {
      costs.push(...actions.map(({ cost }) => cost.pulls));
    });
    expect(costs.toSorted((one, other) => one - other)).toEqual([3, 5, 5]);
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 6 }));
    expect(world.hub.counters).toMatchObject({ manifestGets: 0, blobGets: 0 });
    expect(world.target.counters).toMatchObject({ manifestPuts: 0, blobPuts: 0, uploadsStarted: 0 });
  });
});

test('a catalog that wants nothing is a run with nothing to do', async () => {
  await using world = await startJobWorld(IMAGES);
  const selection = { include: [parsePattern('nothing')], exclude: [], platforms: [] };
  const report = await world.run({ selection });
  expect([report.images, report.tags]).toEqual([counts({}), counts({})]);
  expect(world.target.counters.requests).toBe(0);
});

test('a tag that the target has on another digest is moved, whoever put it there', async () => {
  await using world = await startJobWorld([REDIS]);
  await world.run();
  world.hub.rebuild('library/redis', '7');
  const before = world.target.content.manifest('library/redis', parseTag('7'))?.digest;
  await world.run();
  expect(world.target.content.manifest('library/redis', '7')?.digest).not.toBe(before);
  expect(world.wrongTags()).toEqual([]);
});
