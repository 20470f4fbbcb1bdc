import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Reply, scriptedSend } from '../../test/support/client/scripted-send.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { readAll } from '../streams/read-all.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { Reach, SendRequest } from './send.ts';

const APP = parseRepositoryName('team/app');
const BYTES = new TextEncoder().encode('hello');
const BLOB = digestOf(BYTES);
const BODY: Reply = { status: 200, headers: { 'content-length': '5' }, body: BYTES };
const PUBLIC = 'https://registry.example.com';

/** Reads a blob from a registry at `url`, of which `answer` is told every request but the ping. */
async function readBlob(
  answer: (request: SendRequest) => Reply,
  { url = PUBLIC, addresses = [] }: { url?: string; addresses?: readonly string[] } = {},
) {
  const { send, requests } = scriptedSend((request) => (isPing(request) ? { status: 200 } : answer(request)));
  const network = new Network({ send, clock: new FakeClock(), resolveHost: () => Promise.resolve(addresses) });
  const hosts: string[] = [];
  const onRedirect = (host: string) => void hosts.push(host);
  const registry = new RemoteRegistry({ name: 'registry', url: new URL(url), network, onRedirect });
  const outcome = await registry
    .repository(APP)
    .blob(BLOB)
    .then(async ({ body }) => Buffer.from(await readAll(body, 100)).toString())
    .catch((error: unknown) => error);
  return { outcome, requests: requests.filter((request) => !isPing(request)), hosts };
}

const isPing = ({ url }: SendRequest) => url.pathname === '/v2/';
const to = (location: string, status = 307): Reply => ({ status, headers: { location } });

test.each([301, 302, 303, 307, 308])('a %i is followed', async (status) => {
  const { outcome, requests } = await readBlob(({ url }) =>
    url.host === 'cdn.net' ? BODY : to('https://cdn.net/x', status),
  );
  expect(outcome).toBe('hello');
  expect(requests).toHaveLength(2);
});

test('it is told of each other host that it is sent on to', async () => {
  const { hosts } = await readBlob(({ url }) => {
    if (url.host === 'cdn.net') return BODY;
    return to(url.pathname === '/again' ? 'https://cdn.net/x' : '/again');
  });
  expect(hosts).toEqual(['cdn.net']);
});

test('a relative location is read from where it was given', async () => {
  const { outcome, requests } = await readBlob(({ url }) => {
    if (url.href === 'https://cdn.net/a/c') return BODY;
    return to(url.host === 'cdn.net' ? 'c' : 'https://cdn.net/a/b');
  });
  expect(outcome).toBe('hello');
  expect(requests.at(-1)?.url.href).toBe('https://cdn.net/a/c');
});

test.each([
  ['to itself', () => to('/v2/team/app/blobs/again')],
  ['between two hosts', ({ url }: SendRequest) => to(url.host === 'cdn.net' ? `${PUBLIC}/x` : 'https://cdn.net/x')],
])('redirects %s end after five, with a sentence', async (_, answer) => {
  const { outcome, requests } = await readBlob(answer);
  expect(outcome).toMatchObject({
    code: 'NOT_A_REGISTRY',
    message: `registry.example.com redirects more than 5 times for the blob team/app@${BLOB}`,
  });
  expect(requests).toHaveLength(6);
});

test.each([
  'ftp://cdn.net/x',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'data:text/plain,hello',
  'https://ada:secret@cdn.net/x',
  'https://ada@cdn.net/x',
  'https://:secret@cdn.net/x',
  'https://',
  '',
])('a redirect to %j is refused, and nothing is asked there', async (location) => {
  const { outcome, requests } = await readBlob(() => to(location));
  expect(outcome).toMatchObject({
    code: 'NOT_A_REGISTRY',
    message: `registry.example.com redirects the blob team/app@${BLOB} to ${JSON.stringify(location)}, which is not a web address`,
  });
  expect(requests).toHaveLength(1);
});

test('a redirect without a location is refused', async () => {
  const { outcome } = await readBlob(() => ({ status: 307 }));
  expect(outcome).toMatchObject({ code: 'NOT_A_REGISTRY' });
});

test('a redirect from https to plain http is refused, wherever it leads', async () => {
  for (const location of ['http://cdn.net/x', 'http://registry.example.com/x']) {
    const { outcome, requests } = await readBlob(() => to(location));
    expect(outcome).toMatchObject({
      code: 'TLS',
      message: expect.stringContaining('from https to plain http') as string,
    });
    expect(requests).toHaveLength(1);
  }
});

describe('whom a redirect may reach', () => {
  const reachOf = async (options: { url?: string; addresses?: readonly string[] }): Promise<Reach[]> => {
    const own = new URL(options.url ?? PUBLIC).host;
    const cdn = (options.url ?? PUBLIC).startsWith('https') ? 'https://cdn.net/x' : 'http://cdn.net/x';
    const { requests } = await readBlob(({ url }) => (url.host === own ? to(cdn) : BODY), options);
    return requests.map(({ reach }) => reach);
  };

  test('is only the public network when the registry is public itself', async () => {
    expect(await reachOf({ addresses: ['93.184.216.34', '2606:4700::1'] })).toEqual(['configured', 'public']);
  });

  test('is only the public network when the registry is behind a fake-ip proxy', async () => {
    expect(await reachOf({ addresses: ['198.18.0.7'] })).toEqual(['configured', 'public']);
  });

  test('is only the public network when the name of the registry is not known', async () => {
    expect(await reachOf({ addresses: [] })).toEqual(['configured', 'public']);
  });

  test.each([
    ['a loopback address', { url: 'http://127.0.0.1:5000' }],
    ['a private address', { url: 'http://10.1.2.3' }],
    ['an IPv6 loopback address', { url: 'http://[::1]:5000' }],
    ['a name for a private address', { url: 'https://harbor.example.com', addresses: ['192.168.1.7'] }],
  ])('is internal too when the registry has %s', async (_, options) => {
    expect(await reachOf(options)).toEqual(['configured', 'configured']);
  });

  test('is only the public network for the realm and the upload that a public registry names, too', async () => {
    const { send, requests } = scriptedSend(({ url, method, headers }) => {
      if (url.host === 'auth.net') return { status: 200, body: '{"token":"t"}' };
      if (url.host === 'registry.example.com' && headers['authorization'] === undefined) {
        return { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://auth.net/token"' } };
      }
      return method === 'POST' ? { status: 202, headers: { location: 'https://uploads.net/1' } } : { status: 201 };
    });
    const network = new Network({ send, clock: new FakeClock() });
    const repository = new RemoteRegistry({ name: 'r', url: new URL(PUBLIC), network }).repository(APP);
    const blob = { mediaType: 'x', digest: BLOB, size: 5 };
    await repository.push(blob, () => Promise.resolve(ReadableStream.from([BYTES])), { isKnownAbsent: true });
    const reaches = new Map(requests.map(({ url, reach }) => [url.host, reach]));
    expect(reaches).toEqual(
      new Map([
        ['registry.example.com', 'configured'],
        ['auth.net', 'public'],
        ['uploads.net', 'public'],
      ]),
    );
  });
});
