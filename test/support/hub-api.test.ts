import { describe, expect, test } from 'vitest';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import { indexIn } from './image-in.ts';

const versions = Array.from({ length: 120 }, (_, index) => `1.${index}`);
const images = [
  ...versions.map((version) => catalogImage('nginx', [version])),
  catalogImage('nginx', ['latest', 'stable'], ['linux/amd64', 'linux/arm64/v8', 'windows/amd64']),
  catalogImage('redis'),
  catalogImage('team/secret'),
];
const NGINX = '/v2/namespaces/library/repositories/nginx';

interface Page {
  count: number;
  next: string | null;
  previous: string | null;
  results: Entry[];
}

interface Entry {
  name: string;
  digest?: string;
  last_updated: string;
  full_size: number;
  images: { architecture: string; os: string; variant: string | null; digest: string; size: number }[];
}

describe('a list of tags', () => {
  test('comes in pages of 10, or of 100 at most, that next and previous join', async () => {
    await using hub = await startHub({ images });
    expect((await page(hub, `${NGINX}/tags`)).results).toHaveLength(10);
    const first = await page(hub, `${NGINX}/tags?page_size=1000`);
    expect([first.count, first.results.length, first.previous]).toEqual([125, 100, null]);
    expect(first.next).toBe(`${hub.apiUrl}${NGINX}/tags?page_size=1000&page=2`);
    const second = (await (await fetch(first.next ?? '')).json()) as Page;
    expect([second.results.length, second.next]).toEqual([25, null]);
    const names = [...first.results, ...second.results].map(({ name }) => name);
    expect(new Set(names).size).toBe(125);
    expect((await fetch(`${hub.apiUrl}${NGINX}/tags?page_size=100&page=3`)).status).toBe(404);
  });

  test('begins with what was updated last, and old tags stand among the new ones', async () => {
    await using hub = await startHub({ images, oldTagsPerRepository: 5 });
    hub.rebuild('library/nginx', '1.7');
    const { results } = await page(hub, `${NGINX}/tags?page_size=100&ordering=last_updated`);
    const times = results.map((entry) => entry.last_updated);
    expect(times).toEqual(times.toSorted().toReversed());
    expect(results[0]?.name).toBe('1.7');
    expect(results.filter(({ name }) => name.endsWith('-retired')).length).toBeGreaterThan(0);
    const oldestFirst = await page(hub, `${NGINX}/tags?page_size=100&ordering=-last_updated`);
    expect(oldestFirst.results[0]?.name).not.toBe('1.7');
  });

  test('answers on the old paths too', async () => {
    await using hub = await startHub({ images });
    const present = await page(hub, `${NGINX}/tags?page_size=3`);
    const legacy = await page(hub, '/v2/repositories/library/nginx/tags/?page_size=3');
    expect(legacy.results).toEqual(present.results);
    expect(legacy.next).toContain('/v2/repositories/library/nginx/tags/?page_size=3&page=2');
  });

  test('leaves out the digest of some tags', async () => {
    await using hub = await startHub({ images });
    const { results } = await page(hub, `${NGINX}/tags?page_size=100`);
    const without = results.filter(({ digest }) => digest === undefined).length;
    expect(without).toBeGreaterThan(0);
    expect(without).toBeLessThan(20);
  });
});

test('a tag tells the digest of each image below it, attestations as architecture unknown', async () => {
  await using hub = await startHub({ images });
  const entry = (await (await fetch(`${hub.apiUrl}${NGINX}/tags/latest`)).json()) as Entry;
  expect(entry.digest).toBe(hub.digestOf('library/nginx', 'latest'));
  const children = indexIn(hub, 'library/nginx', 'latest').manifests.map(({ digest }) => digest);
  expect(entry.images.map(({ digest }) => digest)).toEqual(children);
  expect(entry.images.map(({ os, architecture, variant }) => [os, architecture, variant].join())).toEqual([
    'linux,amd64,',
    'unknown,unknown,',
    'linux,arm64,v8',
    'unknown,unknown,',
    'windows,amd64,',
  ]);
  expect(entry.full_size).toBe(entry.images[0]?.size);
  expect((await fetch(`${hub.apiUrl}${NGINX}/tags/nothing`)).status).toBe(404);
});

test('a namespace lists its public repositories alone', async () => {
  await using hub = await startHub({ images, privateRepositories: ['team/secret'] });
  const { count, results } = await page(hub, '/v2/namespaces/library/repositories?ordering=name');
  expect([count, results.map(({ name }) => name)]).toEqual([2, ['nginx', 'redis']]);
  const { results: some } = await page(hub, '/v2/repositories/library/?name=ngi');
  expect(some.map(({ name }) => name)).toEqual(['nginx']);
  for (const path of ['/v2/namespaces/team/repositories', '/v2/namespaces/team/repositories/secret/tags']) {
    expect((await fetch(hub.apiUrl + path)).status).toBe(404);
  }
});

test('the limit is its own, and its 429 names the time to come again', async () => {
  let now = 1_000_000_000_000;
  await using hub = await startHub({ images, apiLimitPerMinute: 2, now: () => now });
  const first = await fetch(`${hub.apiUrl}${NGINX}`);
  expect(limitsOf(first)).toEqual(['2', '1', '1000000060', null]);
  now += 10_000;
  await fetch(`${hub.apiUrl}${NGINX}`);
  const refused = await fetch(`${hub.apiUrl}${NGINX}`);
  expect([refused.status, ...limitsOf(refused)]).toEqual([429, '2', '0', '1000000060', '1000000060']);
  expect(await refused.json()).toEqual({ detail: 'Rate limit exceeded', error: false });
  now += 50_000;
  expect((await fetch(`${hub.apiUrl}${NGINX}`)).status).toBe(200);
  expect(hub.counters).toMatchObject({ apiCalls: 3, refused: 1, manifestGets: 0 });
});

async function page(hub: Hub, path: string): Promise<Page> {
  return (await (await fetch(hub.apiUrl + path)).json()) as Page;
}

function limitsOf({ headers }: Response): (string | null)[] {
  const names = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'x-retry-after'];
  return names.map((name) => headers.get(name));
}
