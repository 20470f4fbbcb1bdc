// skopeo, with a registries.conf and with the names that a person types. It takes all platforms here.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { type CacheWorld, type CachedImage, openCacheWorld } from '../support/programs/cache-world.ts';
import { startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { runProgram } from '../support/programs/program.ts';
import { registriesConf } from '../support/programs/registries-conf.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { pullBySkopeo } from '../support/programs/skopeo.ts';
import { openWharf } from '../support/programs/wharf.ts';
import { type CacheClient, describeCacheClient } from './cache-client-suite.ts';

const missing = missingPrograms('skopeo');

describeCacheClient({
  title: 'skopeo with registries.conf',
  missing,
  isForAllPlatforms: true,
  open: ({ host }) => {
    const settings = registriesConf({ host, plain: ['docker.io'], prefixed: ['ghcr.io'], replaced: ['quay.io'] });
    return openSkopeo(['--all'], settings);
  },
});

describeCacheClient({
  title: 'skopeo with the upstream in the name',
  missing,
  isForAllPlatforms: true,
  open: async ({ host }) => {
    const skopeo = await openSkopeo(['--all', '--src-tls-verify=false']);
    return { ...skopeo, pull: (image) => skopeo.pull(`${host}/${image}`) };
  },
});

describe.skipIf(missing !== undefined)(`skopeo${skipNote(missing)}`, () => {
  test('gets a cold image twenty times at once for what one costs', async () => {
    await using world = await openCacheWorld({ layerBytes: 2_000_000, latencyMs: 20 });
    const pulls = Array.from({ length: 20 }, () => pullBySkopeo(`${world.host}/library/nginx:1.29`));
    await Promise.all(pulls);
    const nginx = imageOf(world, 'docker.io/library/nginx:1.29');
    const manifests = [nginx, ...nginx.manifests].map(({ digest }) => digest);
    const blobs = new Set(nginx.manifests.flatMap((manifest) => manifest.blobs)).size;
    expect(await world.hub.counters()).toMatchObject({
      tokenRequests: 1,
      manifestHeads: 1,
      manifestGetsByDigest: Object.fromEntries(manifests.map((digest) => [digest, 1])),
      blobGets: blobs,
      cdnGets: blobs,
      refused: 0,
    });
  });

  test('gets what is here when the pulls are spent, and is told what is missing', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, limit: 2 });
    await using wharf = await openWharf();
    const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: 'off', freshFor: '0s' } };
    await wharf.configure(JSON.stringify({ upstreams }));
    await using server = await wharf.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']);
    const url = (await server.firstLine).replace('listening on ', '');
    await using skopeo = await openSkopeo(['--src-tls-verify=false']);
    const nginx = `${new URL(url).host}/library/nginx:1.29`;
    const digest = await skopeo.pull(nginx);
    const refused = await fetch(`${url}/v2/library/redis/manifests/8.2`);
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining('TOOMANYREQUESTS')]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(await skopeo.pull(nginx)).toBe(digest);
    const { manifestGets, refused: refusals } = await hub.counters();
    expect(manifestGets + refusals).toBeLessThanOrEqual(3);
  });
});

/** `flags`: of its copies. */
async function openSkopeo(flags: readonly string[], settings = ''): Promise<CacheClient> {
  const folder = await scratchFolder('skopeo');
  const at = (name: string) => path.join(folder.path, name);
  await writeFile(at('registries.conf'), settings);
  return {
    pull: async (image) => {
      const place = await mkdtemp(at('pulled-'));
      const copy = ['copy', ...flags, `docker://${image}`, `dir:${place}`];
      const { code, stderr } = await runProgram('skopeo', ['--registries-conf', at('registries.conf'), ...copy]);
      if (code !== 0) throw new Error(`skopeo ${copy.join(' ')} ended with ${code}: ${stderr}`);
      return digestOf(await readFile(path.join(place, 'manifest.json')));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function imageOf({ images }: CacheWorld, wanted: string): CachedImage {
  const image = images.find(({ name }) => name === wanted);
  if (image === undefined) throw new Error(`there is no ${wanted}`);
  return image;
}
