// What the cache promises whichever client pulls through it: what its owner has, each part of it brought here once, and
// as long as upstreams give no answer, what is here.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CacheWorld, type CachedImage, openCacheWorld } from '../support/programs/cache-world.ts';
import { skipNote } from '../support/programs/missing-programs.ts';

/** A client that has pulled nothing yet. */
export interface CacheClient extends AsyncDisposable {
  /** The digest that it has under the name then. Throws when it has none. */
  pull(image: string): Promise<string>;
}

export interface CacheClientSuite {
  readonly title: string;
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  readonly open: (world: Pick<CacheWorld, 'host' | 'url'>) => Promise<CacheClient>;
  /** Whether its settings name the image's upstream; all do if this is not given. */
  readonly pulls?: ((image: string) => boolean) | undefined;
  /** Whether it takes all platforms and not its own alone. */
  readonly isForAllPlatforms?: boolean | undefined;
}

const LIMITED = {
  when: { kind: 'manifest' },
  action: ['respond', { status: 429, headers: { 'retry-after': '60' }, body: 'too many requests' }],
} as const;

export function describeCacheClient(suite: CacheClientSuite): void {
  const { title, missing, open, pulls = () => true, isForAllPlatforms = false } = suite;

  describe.skipIf(missing !== undefined)(`${title}${skipNote(missing)}`, () => {
    let world: CacheWorld;
    let images: readonly CachedImage[];
    let origin: Readonly<Record<string, string>>;

    beforeAll(async () => {
      world = await openCacheWorld({ layerBytes: 200_000 });
      images = world.images.filter(({ name }) => pulls(name));
      origin = Object.fromEntries(images.map(({ name, digest }) => [name, digest]));
    });
    afterAll(() => world[Symbol.asyncDispose]());

    /** By a client that has nothing, what it has then. */
    const pullAll = async () => {
      await using client = await open(world);
      const pulled: Record<string, string> = {};
      for (const { name } of images) pulled[name] = await client.pull(name);
      return pulled;
    };
    const costOf = (registry: 'hub' | 'second') => {
      const isOfHub = ({ name }: CachedImage) => name.startsWith('docker.io/') === (registry === 'hub');
      return costOfOnce(images.filter(isOfHub), isForAllPlatforms);
    };

    test('gets what the owners have, each manifest and blob of it brought here once', async () => {
      expect(await pullAll()).toEqual(origin);
      const { manifests, blobs, tags, repositories } = costOf('hub');
      expect(await world.hub.counters()).toEqual({
        manifestHeads: tags,
        manifestGets: manifests.size,
        manifestGetsByDigest: Object.fromEntries([...manifests].map((digest) => [digest, 1])),
        blobGets: blobs.size,
        cdnGets: blobs.size,
        tokenRequests: repositories,
        unauthorized: 1,
        apiCalls: 0,
        refused: 0,
      });
    });

    // dockerd pulls nothing of others through its mirrors.
    const testSecond = pulls('ghcr.io/owner/app:1') ? test : () => undefined;
    testSecond('gets as little from an upstream that needs no token', async () => {
      const { manifests, blobs, tags } = costOf('second');
      expect(await world.second.counters()).toMatchObject({
        manifestHeads: tags,
        manifestGets: manifests.size,
        blobGets: blobs.size,
        // And once for each of its two names, whether a token is needed.
        requests: tags + manifests.size + blobs.size + 2,
      });
    });

    test('gets it again without a word to the upstreams while it is fresh, also after a start', async () => {
      await world.resetCounters();
      expect(await pullAll()).toEqual(origin);
      await world.restart({ freshFor: '10m' });
      expect(await pullAll()).toEqual(origin);
      expect(await askedOf(world)).toEqual({ hub: 0, second: 0 });
    });

    test('costs a HEAD a tag, and no pull, when nothing is fresh', async () => {
      await world.restart({ freshFor: '0s' });
      await world.resetCounters();
      expect(await pullAll()).toEqual(origin);
      const { manifestHeads, manifestGets, blobGets } = await world.hub.counters();
      expect([manifestGets, blobGets]).toEqual([0, 0]);
      expect(manifestHeads).toBe(costOf('hub').tags);
    });

    test('gets it while the upstreams refuse, which are asked at most once a tag', async () => {
      await world.setFaults(LIMITED);
      await world.resetCounters();
      expect(await pullAll()).toEqual(origin);
      const { refused, manifestGets } = await world.hub.counters();
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThanOrEqual(costOf('hub').tags);
      expect(manifestGets).toBe(0);
      expect(await warningOf(world)).toMatch(/^110 - ".* answered 429, too many requests/);
      await world.setFaults();
    });

    test('gets it when the upstreams are gone, also from a cache that starts without them', async () => {
      await world.stopUpstreams();
      expect(await warningOf(world)).toMatch(/^110 - "/);
      await world.restart({ freshFor: '0s' });
      expect(await pullAll()).toEqual(origin);
      expect(await warningOf(world)).toMatch(/^110 - "/);
      await world.restart({ freshFor: '10m' });
      expect(await pullAll()).toEqual(origin);
      expect(await warningOf(world)).toBeNull();
    });
  });
}

interface Cost {
  readonly manifests: ReadonlySet<string>;
  readonly blobs: ReadonlySet<string>;
  readonly tags: number;
  readonly repositories: number;
}

function costOfOnce(images: readonly CachedImage[], isForAllPlatforms: boolean): Cost {
  const taken = images.flatMap(({ manifests }) =>
    manifests.filter(({ isOfThisMachine }) => isForAllPlatforms || isOfThisMachine),
  );
  return {
    manifests: new Set([...images, ...taken].map(({ digest }) => digest)),
    blobs: new Set(taken.flatMap(({ blobs }) => blobs)),
    tags: images.length,
    repositories: new Set(images.map(({ name }) => name.slice(0, name.lastIndexOf(':')))).size,
  };
}

async function askedOf({ hub, second }: CacheWorld) {
  const { manifestGetsByDigest: _, ...counts } = await hub.counters();
  const { requests } = await second.counters();
  return { hub: Object.values(counts).reduce((sum, count) => sum + count, 0), second: requests };
}

async function warningOf({ url }: CacheWorld): Promise<string | null> {
  const { headers } = await fetch(`${url}/v2/library/nginx/manifests/1.29`, { method: 'HEAD' });
  return headers.get('warning');
}
