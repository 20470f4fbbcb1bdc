// What tags mean, asked without a pull: the web API first, and a HEAD for what is left.
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import type { HubOptions } from '../../test/support/hub/hub-options.ts';
import { nameHash } from '../../test/support/hub/name-hash.ts';
import { builtAt } from '../../test/support/hub/timeline.ts';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { recordRequests } from '../../test/support/origin/record-requests.ts';
import { type Reply, json, scriptedSend } from '../../test/support/client/scripted-send.ts';
import {
  hang,
  html,
  omitField,
  refuse,
  replaceBody,
  resetAt,
  respond,
  setHeader,
  truncateAt,
} from '../../test/support/origin/fault-actions.ts';
import { Traffic } from '../observe/traffic.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { HubApi } from './hub-api.ts';
import { Network } from './network.ts';
import { RemoteError } from './remote-error.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { Resolutions } from './tag-resolver.ts';
import { Upstream } from './upstream.ts';

const NGINX = parseRepositoryName('library/nginx');

/** Names of tags that the hub's web API gives a digest for: it does not for some. */
function tagsNamed(count: number): string[] {
  const names = Array.from({ length: 2 * count }, (_, index) => `1.${String(index).padStart(4, '0')}`);
  return names.filter((tag) => nameHash(`${NGINX}:${tag}`) % 16 !== 0).slice(0, count);
}

/** A hub whose nginx has one image a tag, and docker.io as the upstream that it is. */
async function dockerIo(tags: readonly string[], options: Partial<HubOptions> = {}) {
  await using started = new AsyncDisposableStack();
  const clock = new FakeClock();
  const images = tags.map((tag) => catalogImage('nginx', [tag]));
  const hub = started.use(await startHub({ images, oldTagsPerRepository: 0, now: () => clock.now(), ...options }));
  const net = started.use(openNetwork({ clock, deadlineMs: 100 }));
  const registry = new RemoteRegistry({ name: 'docker.io', url: new URL(hub.registryUrl), network: net.network });
  const hubApi = new HubApi({ url: new URL(hub.apiUrl), network: net.network, traffic: registry.traffic });
  const upstream = new Upstream({ name: 'docker.io', registry, hubApi });
  const resolve = (...wanted: readonly string[]) => upstream.resolveTags(NGINX, wanted.map(parseTag));
  const running = started.move();
  return { hub, net, clock, upstream, resolve, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function digests(resolutions: Resolutions): (string | undefined)[] {
  return [...resolutions.values()].map((one) => (one instanceof Error ? one.code : one.descriptor.digest));
}

const expected = (hub: Hub, ...tags: readonly string[]) => tags.map((tag) => hub.digestOf(NGINX, tag));

describe('the web API', () => {
  test('tells what tags mean without a pull, and without asking the registry at all', async () => {
    await using docker = await dockerIo(tagsNamed(30));
    const wanted = tagsNamed(30);
    const resolutions = await docker.resolve(...wanted);
    const meant = wanted.map((tag) => resolutions.get(parseTag(tag)));
    expect(meant.map((one) => one instanceof Error || one?.descriptor.digest)).toEqual(expected(docker.hub, ...wanted));
    expect(docker.hub.counters).toMatchObject({ apiCalls: 1, manifestHeads: 0, manifestGets: 0, tokenRequests: 0 });
  });

  test('tells the parts of an index, with their sizes', async () => {
    await using docker = await dockerIo(['1']);
    const [resolution] = (await docker.resolve('1')).values();
    expect(resolution).toMatchObject({
      asOf: new Date(docker.clock.now()),
      parts: [
        { platform: 'linux/amd64', digest: expect.stringMatching(/^sha256:/) as string },
        { platform: 'unknown/unknown' },
      ],
    });
  });

  test('is asked for the last updated first, a hundred a page, at its present path', async () => {
    await using docker = await dockerIo(['1']);
    const seen = recordRequests(docker.hub);
    await docker.resolve('1');
    expect(seen.map(({ target }) => target)).toEqual([
      '/v2/namespaces/library/repositories/nginx/tags?page_size=100&ordering=last_updated',
    ]);
  });

  test('is read page by page until all wanted tags are seen, and no further', async () => {
    const all = tagsNamed(350);
    await using docker = await dockerIo(all);
    const resolutions = await docker.resolve(...all.slice(0, 300));
    expect(resolutions.size).toBe(300);
    expect([...resolutions.values()].every((one) => !(one instanceof Error))).toBe(true);
    expect(docker.hub.counters.apiCalls).toBeLessThanOrEqual(4);
    expect(docker.hub.counters.manifestHeads).toBe(0);
  });

  test('is not read on for a few tags that a HEAD each finds sooner', async () => {
    const all = tagsNamed(600);
    await using docker = await dockerIo(all);
    const builtMs = (tag: string) => builtAt(`${NGINX}:${tag}`, 0).getTime();
    const [oldest = ''] = all.toSorted((one, other) => builtMs(one) - builtMs(other));
    await docker.resolve(oldest);
    expect(docker.hub.counters).toMatchObject({ apiCalls: 1, manifestHeads: 1 });
  });

  test('is asked at the path that came before where the present one is not known', async () => {
    await using docker = await dockerIo(['1']);
    docker.hub.faults.add({ when: { kind: 'api', path: '/namespaces/' }, action: respond({ status: 404 }) });
    expect(digests(await docker.resolve('1'))).toEqual(expected(docker.hub, '1'));
    expect(docker.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 0 });
  });

  test('that gives no digest for a tag leaves that one to HEAD', async () => {
    await using docker = await dockerIo(['1', '2']);
    docker.hub.faults.add({
      when: { kind: 'api' },
      action: async (request, next) => {
        const answer = await next(request);
        const page = JSON.parse(Buffer.concat(answer.body).toString()) as {
          results: { name: string; digest?: string }[];
        };
        for (const tag of page.results) if (tag.name === '1') delete tag.digest;
        return { ...answer, body: [Buffer.from(JSON.stringify(page))] };
      },
    });
    const resolutions = await docker.resolve('1', '2');
    expect(resolutions.get(parseTag('1'))).toMatchObject({ descriptor: { digest: docker.hub.digestOf(NGINX, '1') } });
    expect(docker.hub.counters).toMatchObject({ apiCalls: 1, manifestHeads: 1, manifestGets: 0 });
  });

  test.each([
    ['has a limit of its own', respond({ status: 429, headers: { 'x-retry-after': '1795428030' } })],
    ['asks to wait', respond({ status: 429 })],
    ['fails', respond({ status: 500 })],
    ['is forbidden', respond({ status: 403 })],
    ['is a web page', html()],
    ['is nonsense', replaceBody('{"results":[{"name":7}]}')],
    ['has no results', omitField('results')],
    ['is reset', resetAt(50)],
    ['is cut off', truncateAt(50)],
    ['claims to be longer', setHeader('content-length', '999999')],
  ])('that %s is done without: HEAD answers the same question', async (_, action) => {
    await using docker = await dockerIo(['1', '2']);
    docker.hub.faults.add({ when: { kind: 'api' }, action });
    expect(digests(await docker.resolve('1', '2'))).toEqual(expected(docker.hub, '1', '2'));
    expect(docker.hub.counters).toMatchObject({ manifestHeads: 2, manifestGets: 0 });
    expect(docker.clock.elapsedMs).toBeLessThan(10_000);
  });

  test('that hangs once is asked again', async () => {
    await using docker = await dockerIo(['1']);
    docker.hub.faults.add({ when: { kind: 'api', nth: 1 }, action: hang() });
    expect(digests(await docker.resolve('1'))).toEqual(expected(docker.hub, '1'));
    expect(docker.hub.counters.manifestHeads).toBe(0);
  });

  test('that is over its limit is not asked again before it says so', async () => {
    await using docker = await dockerIo(['1'], { apiLimitPerMinute: 1 });
    await docker.resolve('1');
    await docker.resolve('1');
    expect(docker.hub.counters).toMatchObject({ apiCalls: 1, refused: 1, manifestHeads: 1 });
    await docker.resolve('1');
    expect(docker.hub.counters).toMatchObject({ apiCalls: 1, refused: 1, manifestHeads: 2 });
    docker.clock.advance(60_000);
    await docker.resolve('1');
    expect(docker.hub.counters).toMatchObject({ apiCalls: 2, refused: 1, manifestHeads: 2 });
  });
});

describe('a web API that never comes to an end', () => {
  const listing = (script: (page: number) => unknown) => {
    const { send, requests } = scriptedSend(({ url, method }): Reply => {
      if (url.host === 'hub.example.com') return json(script(requests.length));
      const headers = {
        'docker-content-digest': digestOf('it'),
        'content-type': 'application/vnd.oci.image.index.v1+json',
      };
      return method === 'HEAD' ? { status: 200, headers } : { status: 200 };
    });
    const network = new Network({ send, clock: new FakeClock() });
    const registry = new RemoteRegistry({ name: 'docker.io', url: new URL('https://reg.example.com'), network });
    const hubApi = new HubApi({ url: new URL('https://hub.example.com'), network, traffic: new Traffic() });
    const upstream = new Upstream({ name: 'docker.io', registry, hubApi });
    return { resolve: () => upstream.resolveTags(NGINX, tagsNamed(10).map(parseTag)), requests };
  };
  const calls = (requests: readonly { url: URL }[]) =>
    requests.filter(({ url }) => url.host === 'hub.example.com').length;
  const tag = (name: string) => ({ name, digest: digestOf(name) });
  const next = (page: number) => `https://hub.example.com/v2/x?page=${page}`;

  test.each([
    ['in a circle', () => ({ count: 1e9, next: next(1), results: [tag('x')] })],
    ['in a circle without a count', () => ({ next: next(1), results: [tag('x')] })],
    ['with ever new pages without news', (page: number) => ({ count: 5, next: next(page), results: [tag('x')] })],
    ['with ever new pages without a count', (page: number) => ({ next: next(page), results: [tag(`x${page}`)] })],
    ['with ever new empty pages', (page: number) => ({ count: 0, next: next(page), results: [] })],
    ['with a count beyond all bounds', (page: number) => ({ count: 1e15, next: next(page), results: [tag('x')] })],
  ])('%s is left, and HEAD is asked instead', async (_, script) => {
    const { resolve, requests } = listing(script);
    const resolutions = await resolve();
    expect(digests(resolutions)).toEqual(Array.from({ length: 10 }, () => digestOf('it')));
    expect(calls(requests)).toBeLessThanOrEqual(3);
  });

  test('goes on at its own origin only', async () => {
    const { resolve, requests } = listing(() => ({
      count: 1000,
      next: 'https://evil.example/',
      results: [tag('1.0000')],
    }));
    await resolve();
    expect(requests.map(({ url }) => url.host)).not.toContain('evil.example');
  });
});

describe('a tag that is not there', () => {
  test('is MANIFEST_UNKNOWN with status 404, and is pending rather than failed', async () => {
    await using docker = await dockerIo(['1']);
    const resolutions = await docker.resolve('1', '2');
    expect(resolutions.get(parseTag('2'))).toMatchObject({ code: 'MANIFEST_UNKNOWN', status: 404 });
    expect(resolutions.get(parseTag('1'))).toHaveProperty('descriptor');
  });

  test('in a repository that neither knows is a 404 too, though the registry speaks of denial', async () => {
    await using docker = await dockerIo(['1']);
    const missing = parseRepositoryName('library/nothing');
    const resolutions = await docker.upstream.resolveTags(missing, ['1', '2'].map(parseTag));
    for (const one of resolutions.values()) {
      expect(one).toMatchObject({ code: 'NAME_UNKNOWN', status: 404 });
      expect((one as RemoteError).message).toMatch(/has no repository library\/nothing, so no tag \d$/);
    }
  });

  test('in a repository that the API cannot speak of stays denied', async () => {
    await using docker = await dockerIo(['1']);
    docker.hub.faults.add({ when: { kind: 'api' }, action: respond({ status: 500 }) });
    const missing = parseRepositoryName('library/nothing');
    const [one] = (await docker.upstream.resolveTags(missing, [parseTag('1')])).values();
    expect(one).toMatchObject({ code: 'DENIED', status: 401 });
  });
});

describe('one bad tag', () => {
  test.each([
    ['fails', respond({ status: 500 }), 'SERVER_ERROR'],
    ['is denied', refuse('DENIED'), 'DENIED'],
    ['is a web page', html(), 'NOT_A_REGISTRY'],
    ['is of another kind', setHeader('content-type', 'application/json'), 'NOT_A_REGISTRY'],
  ])('that %s leaves the others as they are', async (_, action, code) => {
    await using docker = await dockerIo(['1', '2', '3']);
    docker.hub.faults.add({ when: { kind: 'api' }, action: respond({ status: 500 }) });
    docker.hub.faults.add({ when: { kind: 'manifest', path: '/manifests/2$' }, action });
    const resolutions = await docker.resolve('1', '2', '3');
    expect(resolutions.get(parseTag('2'))).toMatchObject({ code });
    expect([...resolutions.values()].filter((one) => one instanceof Error)).toHaveLength(1);
  });

  test('whose HEAD says nothing and whose GET is no manifest leaves the others as they are', async () => {
    await using docker = await dockerIo(['1', '2']);
    docker.hub.faults.add({ when: { kind: 'api' }, action: respond({ status: 500 }) });
    docker.hub.faults.add({
      when: { kind: 'manifest', path: '/manifests/2$' },
      action: respond({ status: 200, body: '{}' }),
    });
    const resolutions = await docker.resolve('1', '2');
    expect(resolutions.get(parseTag('1'))).toHaveProperty('descriptor');
    expect(resolutions.get(parseTag('2'))).toBeInstanceOf(RemoteError);
  });
});

test('an upstream without a web API is asked by HEAD alone', async () => {
  await using docker = await dockerIo(['1', '2']);
  const upstream = new Upstream({ name: 'quay.io', registry: docker.upstream.registry });
  const resolutions = await upstream.resolveTags(NGINX, ['1', '2'].map(parseTag));
  expect(digests(resolutions)).toEqual(expected(docker.hub, '1', '2'));
  expect(docker.hub.counters).toMatchObject({ apiCalls: 0, manifestHeads: 2, manifestGets: 0, tokenRequests: 1 });
});

test('an upstream whose repositories are elsewhere is asked there', async () => {
  await using docker = await dockerIo(['1']);
  const upstream = new Upstream({ name: 'docker.io', registry: docker.upstream.registry, template: 'mirror/{name}' });
  expect(upstream.authority(NGINX).name).toBe('mirror/nginx');
});

test('whoever gives up gets the reason, and nothing is asked any more', async () => {
  await using docker = await dockerIo(['1']);
  const reason = new Error('enough');
  const stop = AbortSignal.abort(reason);
  await expect(docker.upstream.resolveTags(NGINX, [parseTag('1')], { signal: stop })).rejects.toBe(reason);
  expect(docker.hub.counters).toMatchObject({ apiCalls: 0, manifestHeads: 0 });
});
