// Where a login and its tokens may go: canaries are planted, and every request to anywhere is searched for them.
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { startHub } from '../../test/support/hub/hub.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { recordRequests } from '../../test/support/origin/record-requests.ts';
import { type Reply, json, scriptedSend } from '../../test/support/client/scripted-send.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { readAll } from '../streams/read-all.ts';
import { HubApi } from './hub-api.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { SendRequest } from './send.ts';
import { Upstream } from './upstream.ts';

const REGISTRY = 'https://registry.example.com';
const LOGIN = { username: 'ada', password: 'canary-password' };
const TOKEN = 'canary-token';
// The second is what `ada:` looks like in Basic.
const CANARY = /canary|YWRhOm/;
const APP = parseRepositoryName('team/app');
const ONE = parseTag('1');
const BYTES = new TextEncoder().encode('hello');
const BLOB = digestOf(BYTES);

interface Scenario {
  readonly realm?: string;
  readonly realms?: readonly string[];
  readonly isAnonymous?: boolean;
  readonly answer?: (request: SendRequest) => Reply;
}

/** A registry at REGISTRY whose challenge names `realm`; whatever else is asked gets `answer`. */
function registryWith({ realm = `${REGISTRY}/token`, realms = [], isAnonymous = false, answer }: Scenario) {
  const { send, requests } = scriptedSend((request) => {
    const { url, headers } = request;
    if (url.pathname.includes('/token')) return json({ token: TOKEN });
    if (url.origin === REGISTRY && headers['authorization'] === undefined) {
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="s"` } };
    }
    return answer?.(request) ?? { status: 200, headers: { 'content-length': '5' }, body: BYTES };
  });
  const registry = new RemoteRegistry({
    name: 'registry.example.com',
    url: new URL(REGISTRY),
    network: new Network({ send, clock: new FakeClock() }),
    realms,
    credentials: () => Promise.resolve(isAnonymous ? undefined : LOGIN),
  });
  return { repository: registry.repository(APP), requests };
}

/** The origins that got to see a canary. */
function told(requests: readonly SendRequest[]): string[] {
  const isTold = ({ url, headers, body }: SendRequest) =>
    CANARY.test(url.href + JSON.stringify(headers) + (body instanceof Uint8Array ? Buffer.from(body).toString() : ''));
  return [...new Set(requests.filter(isTold).map(({ url }) => url.origin))];
}

describe('a realm', () => {
  test.each([
    ['of another host', 'https://evil.example/token'],
    ['at another port', 'https://registry.example.com:8443/token'],
    ['over plain http', 'http://registry.example.com/token'],
    ['of a sibling', 'https://auth.example.com/token'],
    ['of the parent domain', 'https://example.com/token'],
    ['of a subdomain', 'https://a.registry.example.com/token'],
    ['with the host as a user name', 'https://registry.example.com:x@evil.example/token'],
    ['with the host as a prefix', 'https://registry.example.com.evil.example/token'],
    ['with a dot at the end', 'https://registry.example.com./token'],
  ])('%s never sees the login, and is not even asked', async (_, realm) => {
    const { repository, requests } = registryWith({ realm });
    await expect(repository.blob(BLOB)).rejects.toMatchObject({ code: 'REALM' });
    expect(new Set(requests.map(({ url }) => url.origin))).toEqual(new Set([REGISTRY]));
    expect(told(requests)).toEqual([]);
  });

  test('of another host is named in one sentence, with what to do', async () => {
    const { repository } = registryWith({ realm: 'https://auth.example.com/token?x=1' });
    await expect(repository.blob(BLOB)).rejects.toThrow(
      'registry.example.com wants this login to be sent to https://auth.example.com, which is not its own; ' +
        "if that is right, list https://auth.example.com/token under the upstream's `realms`",
    );
  });

  test.each(['https://REGISTRY.example.com/token', 'https://registry.example.com:443/token'])(
    'that is the registry itself in another spelling, %s, may see it',
    async (realm) => {
      const { repository, requests } = registryWith({ realm });
      await readAll((await repository.blob(BLOB)).body, 10);
      expect(told(requests)).toEqual([REGISTRY]);
    },
  );

  test.each([
    ['https://auth.example.com/token', 'https://auth.example.com/token'],
    ['https://auth.example.com/token', 'https://auth.example.com/token/'],
    ['https://auth.example.com/token?account=x', 'https://auth.example.com/token'],
  ])('%s may see the login when %s is configured', async (realm, configured) => {
    const { repository, requests } = registryWith({ realm, realms: [configured] });
    await readAll((await repository.blob(BLOB)).body, 10);
    expect(told(requests)).toEqual(['https://auth.example.com', REGISTRY]);
  });

  test.each([
    'https://auth.example.com/other',
    'https://auth.example.com/',
    'http://auth.example.com/token',
    'nonsense',
  ])('is not trusted because %s is', async (configured) => {
    const realm = 'https://auth.example.com/token';
    const { repository, requests } = registryWith({ realm, realms: [configured] });
    await expect(repository.blob(BLOB)).rejects.toMatchObject({ code: 'REALM' });
    expect(told(requests)).toEqual([]);
  });

  test('of another host is asked where there is no login to tell', async () => {
    const { repository, requests } = registryWith({ realm: 'https://auth.example.com/token', isAnonymous: true });
    await readAll((await repository.blob(BLOB)).body, 10);
    expect(requests.map(({ url }) => url.origin)).toContain('https://auth.example.com');
    expect(told(requests)).toEqual([REGISTRY]);
  });

  test('that redirects is not followed with the login', async () => {
    const { send, requests } = scriptedSend(({ url }) => {
      if (url.pathname === '/token') return { status: 307, headers: { location: 'https://evil.example/' } };
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${REGISTRY}/token"` } };
    });
    const network = new Network({ send, clock: new FakeClock() });
    const credentials = () => Promise.resolve(LOGIN);
    const registry = new RemoteRegistry({ name: 'r', url: new URL(REGISTRY), network, credentials });
    await expect(registry.repository(APP).blob(BLOB)).rejects.toThrow('answered 307 instead of a token');
    expect(requests.map(({ url }) => url.origin)).not.toContain('https://evil.example');
  });
});

describe('a redirect', () => {
  test.each(['https://cdn.example.net/x', 'https://registry.example.com:8443/x', 'https://cdn.registry.example.com/x'])(
    'to %s goes without the token and without cookies',
    async (location) => {
      const { repository, requests } = registryWith({
        answer: ({ url }) =>
          url.origin === REGISTRY
            ? { status: 307, headers: { location, 'set-cookie': 'canary=1' } }
            : { status: 200, headers: { 'content-length': '5' }, body: BYTES },
      });
      await readAll((await repository.blob(BLOB)).body, 10);
      expect(requests.at(-1)?.url.href).toBe(location);
      expect(told(requests)).toEqual([REGISTRY]);
      expect(requests.some(({ headers }) => 'cookie' in headers)).toBe(false);
    },
  );

  test('to the registry itself keeps the token', async () => {
    const { repository, requests } = registryWith({
      answer: ({ url }) =>
        url.pathname === '/elsewhere'
          ? { status: 200, headers: { 'content-length': '5' }, body: BYTES }
          : { status: 307, headers: { location: '/elsewhere' } },
    });
    await readAll((await repository.blob(BLOB)).body, 10);
    expect(requests.at(-1)?.headers['authorization']).toBe(`Bearer ${TOKEN}`);
  });

  test('of a push is not followed', async () => {
    const { repository, requests } = registryWith({
      answer: () => ({ status: 307, headers: { location: 'https://evil.example/' } }),
    });
    const manifest = { digest: BLOB, mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes: BYTES };
    await expect(repository.put(manifest, [ONE])).rejects.toThrow('answered 307');
    expect(new Set(requests.map(({ url }) => url.origin))).toEqual(new Set([REGISTRY]));
  });
});

test('an upload that goes on elsewhere goes there without the token', async () => {
  const { repository, requests } = registryWith({
    answer: ({ method }) =>
      method === 'POST' ? { status: 202, headers: { location: 'https://uploads.example.net/1?x=2' } } : { status: 201 },
  });
  const blob = { mediaType: 'application/octet-stream', digest: BLOB, size: 5 };
  await repository.push(blob, () => Promise.resolve(ReadableStream.from([BYTES])), { isKnownAbsent: true });
  const put = requests.at(-1);
  expect(put?.url.href).toBe(`https://uploads.example.net/1?x=2&digest=${encodeURIComponent(BLOB)}`);
  expect(put?.headers['authorization']).toBeUndefined();
  expect(told(requests)).toEqual([REGISTRY]);
});

test('a list of tags that goes on elsewhere ends there', async () => {
  const { repository, requests } = registryWith({
    answer: () => ({ ...json({ tags: ['1'] }), headers: { link: '<https://evil.example/next>; rel="next"' } }),
  });
  expect(await repository.listTags()).toEqual(new Set(['1']));
  expect(requests.map(({ url }) => url.origin)).not.toContain('https://evil.example');
});

test('no failure has a secret in it, however deep one looks', async () => {
  const scenarios: Scenario[] = [
    { realm: 'https://evil.example/token' },
    { answer: () => ({ status: 500 }) },
    { answer: () => ({ status: 403 }) },
    { answer: () => ({ status: 307, headers: { location: 'ftp://x/' } }) },
  ];
  for (const scenario of scenarios) {
    const failure: unknown = await registryWith(scenario)
      .repository.blob(BLOB)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toMatch(CANARY);
  }
});

test('at Docker Hub only the registry and its configured token server see the login, neither CDN nor web API', async () => {
  const account = { username: 'ada', password: 'canary-password' };
  await using hub = await startHub({ images: [catalogImage('nginx', ['1.27'])], accounts: [account] });
  await using net = openNetwork();
  const seen = recordRequests(hub);
  const registry = new RemoteRegistry({
    name: 'docker.io',
    url: new URL(hub.registryUrl),
    network: net.network,
    realms: [hub.tokenUrl],
    credentials: () => Promise.resolve(account),
  });
  const hubApi = new HubApi({ url: new URL(hub.apiUrl), network: net.network, traffic: registry.traffic });
  const upstream = new Upstream({ name: 'docker.io', registry, hubApi });
  const nginx = parseRepositoryName('library/nginx');
  const [resolution] = (await upstream.resolveTags(nginx, [parseTag('1.27')])).values();
  expect(resolution).not.toBeInstanceOf(Error);
  const [child = ''] = hub.expected()[0]?.children ?? [];
  const manifest = JSON.parse(Buffer.from(hub.content.manifest(nginx, child)?.bytes ?? []).toString()) as {
    layers: { digest: typeof BLOB }[];
  };
  await readAll((await upstream.repository(nginx).blob(manifest.layers[0]?.digest ?? BLOB)).body, 1e6);
  const authorized = seen.filter(({ headers }) => headers.authorization !== undefined);
  expect(new Set(seen.map(({ origin }) => origin))).toEqual(new Set(['registry', 'token', 'cdn', 'api']));
  expect(new Set(authorized.map(({ origin }) => origin))).toEqual(new Set(['registry', 'token']));
  expect(
    authorized.filter(({ headers }) => headers.authorization?.startsWith('Basic')).map(({ origin }) => origin),
  ).toEqual(['token']);
});

test('a registry beside ours on the same machine is another origin', async () => {
  await using evil = await startRegistry();
  await using ours = await startRegistry();
  await using net = openNetwork();
  const seen = recordRequests(evil);
  ours.faults.add({
    when: {},
    action: async () => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${evil.url}/token"` },
      body: [],
    }),
  });
  const registry = new RemoteRegistry({
    name: 'ours',
    url: new URL(ours.url),
    network: net.network,
    credentials: () => Promise.resolve(LOGIN),
  });
  await expect(registry.checkLogin()).rejects.toMatchObject({ code: 'REALM' });
  expect(seen).toEqual([]);
});
