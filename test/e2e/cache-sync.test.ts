// A second Wharf syncs into the cache of a first one, which then has what its upstream need not give any more.
import { describe, expect, test } from 'vitest';
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { type ExpectedTag, type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { openWharf } from '../support/programs/wharf.ts';

const missing = whyNoDockerd() ?? missingPrograms('dockerd', 'docker');
const IMAGES = ['nginx:1.29', 'redis:8.2', 'python:3.14'];

describe.skipIf(missing !== undefined)(`a sync into a cache${skipNote(missing)}`, () => {
  test('is what the cache serves to dockerd and others, with no upstream to ask', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using upstream = await startHubProcess({ library: SMALL_LIBRARY });
    await using cache = await openWharf(upstream);
    await using server = await cache.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']);
    const url = (await server.firstLine).replace('listening on ', '');
    // One platform of one image is here before.
    expect(await pullByDockerd(url, await imagesOf(hub, ['nginx:1.29']))).toEqual([]);
    await upstream.resetCounters();

    await using other = await openWharf(hub);
    expect(await other.run(['sync', '--images', IMAGES.join(','), '--to', url])).toMatchObject({ code: 0 });
    const { manifestGetsByDigest, ...counts } = await upstream.counters();
    expect([manifestGetsByDigest, Object.values(counts).filter((count) => count > 0)]).toEqual([{}, []]);

    const images = await imagesOf(hub, IMAGES);
    await Promise.all([upstream, hub].map((one) => one[Symbol.asyncDispose]()));
    expect(await pullByDockerd(url, images)).toEqual([]);
    const probe = new RegistryProbe(url);
    expect(await probe.missing(manifestsOf(images))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });
});

async function imagesOf(hub: HubProcess, names: readonly string[]): Promise<readonly ExpectedTag[]> {
  const tags = await hub.expected();
  return tags.filter(({ repository, tag }) => names.includes(`${repository.replace('library/', '')}:${tag}`));
}

/** What a daemon that has nothing yet does not get as it is expected. */
async function pullByDockerd(mirror: string, images: readonly ExpectedTag[]): Promise<readonly string[]> {
  await using dockerd = await startDockerd({ registryMirrors: [mirror] });
  const wrong: string[] = [];
  for (const { repository, tag, digest } of images) {
    const { stdout, stderr } = await dockerd.docker('pull', `${repository}:${tag}`);
    if (!stdout.includes(`Digest: ${digest}\n`)) wrong.push(`${repository}:${tag}: ${stderr}${stdout}`);
  }
  return wrong;
}
