// What a run asks after the first one, and what it finds out all the same: with the program as a person starts it.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ScratchRepository } from '../support/library/scratch-repository.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit } from '../support/programs/program.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { type SyncWorld, openSyncWorld } from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry', 'git');

describe.skipIf(missing !== undefined)(`wharf sync, again${skipNote(missing)}`, () => {
  test('when nothing changed, asks for a page of the web API for each repository, and for no manifest', async () => {
    await using world = await synced();
    const { code, report } = await world.sync();
    expect(code).toBe(0);
    expect(report.tags).toMatchObject({ upToDate: report.tags.wanted, copied: 0 });
    const repositories = new Set((await world.hub.expected()).map(({ repository }) => repository)).size;
    const counters = await world.hub.counters();
    expect(counters).toMatchObject({ apiCalls: repositories, manifestHeads: 0, manifestGets: 0, tokenRequests: 0 });
  });

  test('copies what was built anew, and nothing else', async () => {
    await using world = await synced();
    const [{ repository, tag } = { repository: '', tag: '' }] = await world.hub.expected();
    await world.hub.rebuild(repository, tag);
    const { report } = await world.sync();
    expect(report.images).toMatchObject({ copied: 1, failed: 0 });
    expect(await world.wrong()).toEqual([]);
  });

  test('--check-target finds at once what somebody did to the target', async () => {
    await using world = await synced();
    const tags = (await world.hub.expected()).filter(({ repository }) => repository === 'library/nginx');
    const [first, ...others] = Map.groupBy(tags, ({ digest }) => digest).values();
    const moved = others.flat().map(({ tag }) => tag);
    for (const tag of moved) await world.target.retag('library/nginx', tag, first?.[0]?.tag ?? '');
    const { report } = await world.sync(['--check-target']);
    expect(moved.length).toBeGreaterThan(0);
    expect(report.tags.copied).toBe(moved.length);
    expect(await world.wrong()).toEqual([]);
  });

  test('--full asks for everything again', async () => {
    await using world = await synced();
    await world.sync(['--full']);
    expect((await world.hub.counters()).manifestGets).toBe(0);
    expect(await world.wrong()).toEqual([]);
  });

  test('--since copies only what the catalog changed, and the report says since when', async () => {
    await using folder = await scratchFolder('library');
    const library = new ScratchRepository(folder.path);
    cpSync(SMALL_LIBRARY, folder.path, { recursive: true });
    const before = library.commit({});
    await using world = await openSyncWorld({ hub: { library: folder.path } });
    await world.sync();
    const file = path.join(folder.path, 'library/nginx');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^GitCommit: .*/gm, `GitCommit: ${'0'.repeat(40)}`));
    library.commit({});
    await world.hub.moveTo(folder.path);
    const catalog = ['--catalog', `official-images:${folder.path}`];
    const { report } = await world.sync([...catalog, '--since', before]);
    expect(report.changes?.since).toBe(before);
    expect(report.tags).toMatchObject({ wanted: report.changes?.tags, copied: report.changes?.tags });
    expect(await world.wrong()).toEqual([]);
    expect((await world.sync([...catalog, '--since', 'HEAD'])).report.tags.wanted).toBe(0);
    expect(await world.sync([...catalog, '--since', 'no-such-revision'])).toMatchObject({ code: 2 });
  });

  test('tags that left the catalog go when they may, where the target deletes tags at all', async () => {
    await using world = await synced();
    expect(await runPruning(world, '*')).toMatchObject({ code: 0 });
    const { code, stdout } = await runPruning(world, 'nginx');
    expect(code).toBe(0);
    expect(stdout).toContain('deletes no tags, so what nobody wants any more stays there');
  });
});

async function synced(): Promise<SyncWorld> {
  const world = await openSyncWorld();
  expect(await world.sync()).toMatchObject({ code: 0 });
  await world.hub.resetCounters();
  return world;
}

/** A job of the configuration that wants these images, and takes away at once what it wants no more. */
async function runPruning({ hub, registry, wharf }: SyncWorld, include: string): Promise<Exit> {
  const job = {
    name: 'small',
    catalog: { officialImages: { repository: SMALL_LIBRARY } },
    include: [include],
    to: [registry.url],
    prune: '0s',
  };
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  await wharf.configure(JSON.stringify({ upstreams, data: './data', sync: [job] }));
  return await wharf.run(['sync', '--json']);
}
