// What a run does not ask again because an earlier one did, and what it finds out all the same.
import { describe, expect, test } from 'vitest';
import { IMAGES, type JobWorld, NGINX, REDIS, counts, startJobWorld } from '../../test/support/client/job-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import type { MemoryContent } from '../../test/support/registry/memory-content.ts';
import type { CatalogImage } from '../catalog/catalog.ts';
import { parsePlatform } from '../oci/platform.ts';

const DAY_MS = 86_400_000;

async function synced(options: Parameters<typeof startJobWorld>[1] = {}, images = IMAGES): Promise<JobWorld> {
  const world = await startJobWorld(images, { remembers: true, ...options });
  expect(await world.run()).toMatchObject({ tags: { failed: 0, deferred: 0 } });
  forget(world);
  return world;
}

function forget(world: JobWorld): void {
  world.hub.resetCounters();
  for (const target of world.targets) target.resetCounters();
}

/** Moves a tag at a target behind the back of the job. */
async function moveTag(world: JobWorld, tag: string, to: string, target = world.target): Promise<void> {
  const { bytes, mediaType } = target.content.manifest('library/nginx', to) ?? { bytes: [], mediaType: '' };
  const url = `${target.url}/v2/library/nginx/manifests/${tag}`;
  await fetch(url, { method: 'PUT', headers: { 'content-type': mediaType }, body: Buffer.from(bytes) });
}

const contentOf = ({ target }: JobWorld) => target.content as MemoryContent;

const wanting = (world: JobWorld, images: readonly CatalogImage[]) => ({ catalog: world.job({}, { images }).catalog });

describe('when nothing changed', () => {
  test('a page of the web API, a list of tags, and a share of the tags at the target are all that is asked for', async () => {
    await using world = await synced();
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, upToDate: 6 }));
    expect(world.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 0, manifestGets: 0, blobGets: 0 });
    expect(world.target.counters).toMatchObject({ tagLists: 2, manifestHeads: 2, manifestPuts: 0 });
  });

  test('each tag at the target is looked at in its turn', async () => {
    const many = Array.from({ length: 60 }, (_, nth) => catalogImage('nginx', [`1.${nth}`]));
    await using world = await synced({}, many);
    await moveTag(world, '1.7', '1.8');
    for (let run = 0; run < 28; run += 1) {
      world.clock.advance(DAY_MS / 4);
      await world.run();
    }
    expect(world.wrongTags()).toEqual([]);
    expect(world.target.counters.manifestHeads).toBeLessThan(28 * 4 + 60);
  });

  test('a choice of platforms costs nothing either', async () => {
    await using world = await startJobWorld([NGINX], { remembers: true });
    const selection = { include: [], exclude: [], platforms: [parsePlatform('linux/arm64')] };
    await world.run({ selection });
    forget(world);
    expect((await world.run({ selection })).tags).toEqual(counts({ wanted: 3, upToDate: 3 }));
    expect(world.hub.counters).toMatchObject({ manifestHeads: 0, manifestGets: 0 });
    world.hub.rebuild('library/nginx', '1.27');
    expect((await world.run({ selection })).tags).toEqual(counts({ wanted: 3, copied: 3 }));
  });

  test('another choice of platforms is another job', async () => {
    await using world = await synced({}, [NGINX]);
    const selection = { include: [], exclude: [], platforms: [parsePlatform('linux/arm64')] };
    await world.run({ selection });
    expect(world.target.counters.manifestHeads).toBeGreaterThan(1);
  });
});

describe('what changed', () => {
  test('upstream is copied, and nothing else is asked for', async () => {
    await using world = await synced();
    world.hub.rebuild('library/nginx', '1.27');
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 3, upToDate: 3 }));
    expect(world.wrongTags()).toEqual([]);
    expect(world.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 1, manifestGets: 5 });
  });

  test('in the catalog is looked for, and what it no longer names stays', async () => {
    await using world = await synced({}, [NGINX]);
    world.hub.resetCounters();
    const report = await world.run(wanting(world, [REDIS]));
    expect(report.tags).toEqual(counts({ wanted: 2, pending: 2 }));
    expect(world.target.content.tags('library/nginx')).toEqual(['1', '1.27', 'latest']);
  });

  test('at the target is found when a tag is gone: then the whole repository is looked at', async () => {
    await using world = await synced();
    contentOf(world).deleteManifest('library/nginx', '1.26');
    await moveTag(world, 'latest', '1.27');
    forget(world);
    expect((await world.run()).tags).toEqual(counts({ wanted: 6, copied: 1, upToDate: 5 }));
    expect(world.target.counters.manifestHeads).toBeGreaterThanOrEqual(4);
    expect(world.wrongTags()).toEqual([]);
  });

  test('at the target is found when one of the share means something else: then the whole repository is looked at', async () => {
    const many = Array.from({ length: 60 }, (_, nth) => catalogImage('nginx', [`1.${nth}`]));
    await using world = await synced({}, many);
    for (let nth = 1; nth < 60; nth += 1) await moveTag(world, `1.${nth}`, '1.0');
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 60, copied: 59, upToDate: 1 }));
    expect(world.wrongTags()).toEqual([]);
    expect(world.hub.counters.manifestGets).toBe(0);
  });

  test('at the target is always found with a look at every tag', async () => {
    const many = Array.from({ length: 60 }, (_, nth) => catalogImage('nginx', [`1.${nth}`]));
    await using world = await synced({}, many);
    await world.run();
    await moveTag(world, '1.59', '1.0');
    await world.run({}, { isTargetChecked: true });
    expect(world.wrongTags()).toEqual([]);
  });

  test('is that the target is empty again: all is copied once more', async () => {
    await using world = await synced();
    for (const { repository, digest, children } of world.hub.expected()) {
      for (const one of [digest, ...children]) contentOf(world).deleteManifest(repository, one);
    }
    expect((await world.run()).tags).toEqual(counts({ wanted: 6, copied: 6 }));
    expect(world.wrongTags()).toEqual([]);
  });
});

describe('a run that believes nothing', () => {
  test('asks for every tag again, here and there', async () => {
    const many = Array.from({ length: 150 }, (_, nth) => catalogImage('nginx', [`1.${nth}`]));
    await using world = await synced({}, many);
    await world.run({}, { isAnew: true });
    expect(world.hub.counters.apiCalls).toBe(2);
    expect(world.target.counters.manifestHeads).toBe(150);
  });
});

describe('tags that nobody wants any more', () => {
  const without = [IMAGES[1], IMAGES[2]].flatMap((image) => image ?? []);

  test('stay for as long as they may, and go then', async () => {
    await using world = await synced();
    const job = { ...wanting(world, without), pruneAfterMs: 30 * DAY_MS };
    await world.run(job);
    world.clock.advance(30 * DAY_MS - 1);
    await world.run(job);
    expect(world.target.content.tags('library/nginx')).toEqual(['1', '1.26', '1.27', 'latest']);
    world.clock.advance(1);
    const { notices } = await world.run({ ...wanting(world, without), pruneAfterMs: 30 * DAY_MS });
    expect(world.target.content.tags('library/nginx')).toEqual(['1.26']);
    expect(notices).toEqual([
      'taken away from target-0, as nobody wants them: library/nginx:1, library/nginx:1.27, library/nginx:latest',
    ]);
    expect((await world.run()).tags).toEqual(counts({ wanted: 6, copied: 3, upToDate: 3 }));
  });

  test('stay when they are wanted again in time, or when the catalog could not be read in full', async () => {
    await using world = await synced();
    const job = () => ({ ...wanting(world, without), pruneAfterMs: 2 * DAY_MS });
    await world.run(job());
    world.clock.advance(DAY_MS);
    await world.run();
    world.clock.advance(DAY_MS);
    await world.run(job());
    const problems = [{ file: 'library/nginx', message: 'broken' }];
    world.clock.advance(9 * DAY_MS);
    await world.run({ ...job(), catalog: world.job({}, { images: without, problems }).catalog });
    expect(world.target.content.tags('library/nginx')).toEqual(['1', '1.26', '1.27', 'latest']);
  });

  test('stay when somebody else has put something else there, or put them there in the first place', async () => {
    await using world = await synced();
    await moveTag(world, 'latest', '1.26');
    await moveTag(world, 'own', '1.26');
    await world.run({ ...wanting(world, without), pruneAfterMs: 0 });
    expect(world.target.content.tags('library/nginx')).toEqual(['1.26', 'latest', 'own']);
  });
});
