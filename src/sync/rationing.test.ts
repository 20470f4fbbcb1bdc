// Where there are fewer pulls than wanted images need: whole images, the most wanted first, and nothing paid twice.
import { describe, expect, test } from 'vitest';
import { IMAGES, type JobWorld, NGINX, counts, startJobWorld } from '../../test/support/client/job-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { CatalogImage } from '../catalog/catalog.ts';

const WINDOW_SECONDS = 3600;
const PLATFORMS = ['linux/amd64', 'linux/arm64/v8'];

/** Costs 3 pulls each: an index, an image, and its attestation. */
const small = (...tags: readonly string[]) => catalogImage('redis', tags);
/** Costs 5. */
const large = (...tags: readonly string[]) => catalogImage('nginx', tags, PLATFORMS);

function rationed(limit: number, images: readonly CatalogImage[] = IMAGES): Promise<JobWorld> {
  return startJobWorld(images, { remembers: true, hub: { limit, windowSeconds: WINDOW_SECONDS } });
}

/** Past its end, and a moment for what was in flight. */
function nextWindow({ clock }: JobWorld): void {
  clock.advance((WINDOW_SECONDS + 60) * 1000);
}

describe('a window that is too small for all', () => {
  test('completes whole images, those with most tags first, and spends nothing on the others', async () => {
    await using world = await rationed(10, [large('1'), small('a', 'b', 'c'), large('2', '2.0')]);
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 5, deferred: 1 }));
    expect(report.images).toEqual(counts({ wanted: 3, copied: 2, deferred: 1 }));
    expect(world.wrongTags()).toEqual(['library/nginx:1']);
    expect(world.hub.counters).toMatchObject({ manifestGets: 8, refused: 0 });
    expect(report.budget['docker.io']).toMatchObject({ limit: 10, remaining: 2 });
  });

  test('lets a cheap image in where a dear one does not fit any more', async () => {
    await using world = await rationed(9, [large('1', '1.0'), large('2', '2.0'), small('a')]);
    expect((await world.run()).tags).toEqual(counts({ wanted: 5, copied: 3, deferred: 2 }));
    expect(world.hub.counters.manifestGets).toBe(8);
  });

  test('begins with what was deferred the last time, however few tags it has', async () => {
    const all = [small('a', 'b'), small('c', 'd'), large('x')];
    await using world = await rationed(6, all);
    expect((await world.run()).tags).toEqual(counts({ wanted: 5, copied: 4, deferred: 1 }));
    world.hub.rebuild('library/redis', 'a');
    world.hub.rebuild('library/redis', 'c');
    nextWindow(world);
    await world.run();
    expect(world.wrongTags()).toEqual(['library/redis:a', 'library/redis:b', 'library/redis:c', 'library/redis:d']);
  });

  test('prefers what the catalog changed to what was only built anew', async () => {
    const [built, changed] = [small('a', 'b'), small('c')];
    await using world = await rationed(6, [built, changed]);
    const catalog = (revision: string) => ({
      ...world.job({}, { images: [built, changed], revision }).catalog,
      changesSince: (_: unknown, since: string) => Promise.resolve({ since, images: new Set([changed]) }),
    });
    await world.run({ catalog: catalog('one') });
    nextWindow(world);
    for (const tag of ['a', 'c']) world.hub.rebuild('library/redis', tag);
    // A client behind the same address leaves pulls for one of them.
    const client = world.job().upstream.authority(parseRepositoryName('library/redis'));
    for (let pull = 0; pull < 3; pull += 1) await client.manifest(world.hub.digestOf('library/redis', 'a'));
    const report = await world.run({ catalog: catalog('two') });
    expect(report).toMatchObject({ changes: { since: 'one', tags: 1 }, tags: { copied: 1, deferred: 2 } });
    expect(world.wrongTags()).toEqual(['library/redis:a', 'library/redis:b']);
  });

  test('and the next ones end with every tag right, and no manifest paid for twice', async () => {
    await using world = await rationed(7);
    const outcomes = [];
    for (let window = 0; window < 4; window += 1) {
      outcomes.push((await world.run()).tags);
      nextWindow(world);
    }
    expect(outcomes.map(({ deferred }) => deferred)).toEqual([1 + 2, 1, 0, 0]);
    expect(world.wrongTags()).toEqual([]);
    expect(world.hub.counters).toMatchObject({ manifestGets: 13, refused: 0 });
  });
});

describe('an image that costs more than a whole window has', () => {
  test('is spread over windows, children first, the tag last', async () => {
    await using world = await rationed(2, [NGINX]);
    const gets = [];
    for (let window = 0; window < 3; window += 1) {
      const { tags } = await world.run();
      gets.push([tags.copied, world.hub.counters.manifestGets]);
      nextWindow(world);
    }
    expect(gets).toEqual([
      [0, 2],
      [0, 4],
      [3, 5],
    ]);
    expect(world.wrongTags()).toEqual([]);
    expect(world.hub.counters.refused).toBe(0);
  });
});

test('when nothing is left, nothing is asked for', async () => {
  await using world = await rationed(0);
  expect((await world.run()).tags).toEqual(counts({ wanted: 6, deferred: 6 }));
  // The HEAD that tells so.
  expect(world.hub.counters).toMatchObject({ manifestGets: 0, manifestHeads: 0, refused: 1 });
  await world.run();
  expect(world.hub.counters).toMatchObject({ manifestGets: 0, manifestHeads: 0, refused: 1 });
});

test('two runs at once never spend more than there is', async () => {
  await using world = await rationed(9);
  const runs = await Promise.all([world.run(), world.run({ name: 'other' })]);
  expect(runs.every(({ tags }) => tags.failed === 0)).toBe(true);
  expect(world.hub.counters.refused).toBe(0);
  expect(world.hub.counters.manifestGets).toBeLessThanOrEqual(9);
});
