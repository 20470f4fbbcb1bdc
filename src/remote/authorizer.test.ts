import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Reply, endless, json, scriptedSend } from '../../test/support/client/scripted-send.ts';
import type { Credentials } from './credentials.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { SendRequest } from './send.ts';

const REGISTRY = new URL('https://registry.example.com');
const REALM = 'https://registry.example.com/token';
const BEARER = `Bearer realm="${REALM}",service="example"`;
const ADA: Credentials = { username: 'ada', password: 'canary-password' };
const SCOPE = 'repository:team/app:pull';

interface Scenario {
  readonly challenge?: string;
  readonly credentials?: Credentials;
  readonly token?: (request: SendRequest, count: number) => Reply | Promise<Reply>;
  /** What the registry says to a header; 200 by default to any. */
  readonly judge?: (authorization: string) => Reply;
}

/** A registry that asks for a login, its token server, and a client of it. */
function registryWith(scenario: Scenario = {}) {
  const { challenge = BEARER, credentials, token = tokens(), judge = () => json({}) } = scenario;
  const clock = new FakeClock();
  const tokenRequests: SendRequest[] = [];
  const { send, requests } = scriptedSend((request) => {
    if (request.url.pathname.startsWith('/token')) {
      tokenRequests.push(request);
      return token(request, tokenRequests.length);
    }
    const { authorization } = request.headers;
    return authorization === undefined ? refusal(challenge) : judge(authorization);
  });
  const registry = new RemoteRegistry({
    name: 'registry.example.com',
    url: REGISTRY,
    network: new Network({ send, clock }),
    ...(credentials !== undefined && { credentials: () => Promise.resolve(credentials) }),
  });
  return { registry, clock, requests, tokenRequests };
}

function tokens(expiresInSeconds = 300) {
  return (_request: SendRequest, count: number) => json({ token: `token-${count}`, expires_in: expiresInSeconds });
}

function refusal(challenge: string): Reply {
  return { status: 401, headers: { 'www-authenticate': challenge } };
}

function refuseFor(error: string): Reply {
  return refusal(`${BEARER},scope="${SCOPE}",error="${error}"`);
}

async function ask(registry: RemoteRegistry, scope = SCOPE, signal?: AbortSignal): Promise<number> {
  const what = 'the manifest of team/app:1';
  const url = registry.path('team/app/manifests/1');
  const response = await registry.request({ method: 'GET', url, scopes: [scope], kind: 'manifestGet', what, signal });
  await response.body.discard();
  return response.status;
}

const headersSent = (requests: readonly SendRequest[]) =>
  requests.filter(({ url }) => url.pathname.includes('/manifests/')).map(({ headers }) => headers['authorization']);

describe('a token', () => {
  test('is asked for once, however many wait for it', async () => {
    const { registry, requests, tokenRequests } = registryWith();
    await Promise.all(Array.from({ length: 50 }, () => ask(registry)));
    expect(tokenRequests).toHaveLength(1);
    expect(requests).toHaveLength(1 + 1 + 50);
    expect(new Set(headersSent(requests))).toEqual(new Set(['Bearer token-1']));
  });

  test('is asked for with the service and each scope, and anonymously where there is no login', async () => {
    const { registry, tokenRequests } = registryWith();
    const scopes = ['repository:team/app:pull,push', 'repository:team/base:pull'];
    const url = registry.path('team/app/blobs/uploads/');
    await registry.request({ method: 'POST', url, scopes, kind: 'upload', what: 'an upload' });
    const [request] = tokenRequests;
    expect(request?.url.searchParams.getAll('scope')).toEqual(scopes);
    expect(request?.url.searchParams.get('service')).toBe('example');
    expect(request?.headers['authorization']).toBeUndefined();
  });

  test('is asked for with the user name and password where there is a login', async () => {
    const { registry, tokenRequests } = registryWith({ credentials: ADA });
    await ask(registry);
    expect(tokenRequests[0]?.headers['authorization']).toBe(`Basic ${btoa('ada:canary-password')}`);
    expect(tokenRequests[0]?.url.searchParams.get('account')).toBe('ada');
  });

  test('serves until shortly before it expires, and then there is a new one', async () => {
    const { registry, clock, requests, tokenRequests } = registryWith();
    await ask(registry);
    clock.advance(284_000);
    await ask(registry);
    expect(tokenRequests).toHaveLength(1);
    clock.advance(2000);
    await ask(registry);
    expect(headersSent(requests)).toEqual(['Bearer token-1', 'Bearer token-1', 'Bearer token-2']);
  });

  test('lives for a minute where the server does not say', async () => {
    const { registry, clock, tokenRequests } = registryWith({ token: () => json({ token: 'short' }) });
    await ask(registry);
    clock.advance(40_000);
    await ask(registry);
    expect(tokenRequests).toHaveLength(1);
    clock.advance(10_000);
    await ask(registry);
    expect(tokenRequests).toHaveLength(2);
  });

  test('is kept for each scope by itself', async () => {
    const { registry, tokenRequests } = registryWith();
    for (const name of ['a', 'b', 'a', 'b']) await ask(registry, `repository:team/${name}:pull`);
    expect(tokenRequests.map(({ url }) => url.searchParams.get('scope'))).toEqual([
      'repository:team/a:pull',
      'repository:team/b:pull',
    ]);
  });

  test.each([
    ['token alone', { token: 'it' }],
    ['access_token alone', { access_token: 'it' }],
    ['both', { token: 'it', access_token: 'it' }],
    ['an empty token beside access_token', { token: '', access_token: 'it' }],
    ['null for what it does not give', { token: null, access_token: 'it', expires_in: null, refresh_token: null }],
  ])('is read from an answer with %s', async (_, answer) => {
    const { registry, requests } = registryWith({ token: () => json(answer) });
    await ask(registry);
    expect(headersSent(requests)).toEqual(['Bearer it']);
  });

  test('comes by POST for an identity token, which no URL then holds', async () => {
    const credentials = { identityToken: 'canary-refresh' };
    const { registry, requests, tokenRequests } = registryWith({ credentials });
    await ask(registry);
    const [request] = tokenRequests;
    expect(request?.method).toBe('POST');
    const form = new URLSearchParams(new TextDecoder().decode(request?.body as Uint8Array));
    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'canary-refresh',
      client_id: 'wharf',
      service: 'example',
      scope: SCOPE,
    });
    expect(requests.map(({ url }) => url.href).join()).not.toContain('canary');
  });

  test('has the scope that the registry names where that is of its own kind, as at public.ecr.aws', async () => {
    const { registry, tokenRequests } = registryWith({ challenge: `${BEARER},scope="aws"` });
    await ask(registry, 'repository:docker/library/nginx:pull');
    await ask(registry, 'repository:docker/library/redis:pull');
    expect(tokenRequests.map(({ url }) => url.searchParams.getAll('scope'))).toEqual([['aws']]);
  });

  test('is not lost to others when the one who asked first gives up', async () => {
    const stop = new AbortController();
    const arrived = Promise.withResolvers<void>();
    const { registry } = registryWith({
      async token(request) {
        if (request.signal !== stop.signal) return json({ token: 'it' });
        arrived.resolve();
        return await new Promise<Reply>((_, reject) => {
          stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error));
        });
      },
    });
    const first = ask(registry, SCOPE, stop.signal);
    await arrived.promise;
    const second = ask(registry);
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(await second).toBe(200);
  });
});

describe('a refused token', () => {
  test('that does not suffice means that the image may not exist', async () => {
    const { registry, tokenRequests } = registryWith({ judge: () => refuseFor('insufficient_scope') });
    await expect(ask(registry)).rejects.toMatchObject({
      code: 'DENIED',
      message:
        'registry.example.com denies access to the manifest of team/app:1: it does not exist, and may need `wharf login`',
    });
    expect(tokenRequests).toHaveLength(1);
  });

  test('that does not suffice for a login says that the login may not see it', async () => {
    const scenario = { judge: () => refuseFor('insufficient_scope'), credentials: ADA };
    const message = 'it does not exist, or this login may not see it';
    await expect(ask(registryWith(scenario).registry)).rejects.toThrow(message);
  });

  test('that is no longer valid is replaced once', async () => {
    const { registry, requests, tokenRequests } = registryWith({
      judge: (authorization) => (authorization === 'Bearer token-1' ? refuseFor('invalid_token') : json({})),
    });
    expect(await ask(registry)).toBe(200);
    expect(tokenRequests).toHaveLength(2);
    expect(headersSent(requests)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('is not replaced for ever', async () => {
    const { registry, requests, tokenRequests } = registryWith({ judge: () => refuseFor('invalid_token') });
    await expect(ask(registry)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(tokenRequests).toHaveLength(2);
    expect(headersSent(requests)).toHaveLength(2);
  });

  test('is replaced by one new token for all who were refused with it', async () => {
    let isForgotten = false;
    const { registry, tokenRequests } = registryWith({
      judge: (authorization) =>
        isForgotten && authorization === 'Bearer token-1' ? refuseFor('invalid_token') : json({}),
    });
    await ask(registry);
    isForgotten = true;
    const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(registry)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(tokenRequests).toHaveLength(2);
  });
});

describe('a challenge', () => {
  test('may offer Basic too: the token is preferred', async () => {
    const challenge = `Basic realm="x", ${BEARER}`;
    const { registry, requests } = registryWith({ challenge, credentials: ADA });
    await ask(registry);
    expect(headersSent(requests)).toEqual(['Bearer token-1']);
  });

  test('for Basic is answered with the login', async () => {
    const { registry, requests, tokenRequests } = registryWith({ challenge: 'Basic realm="x"', credentials: ADA });
    await ask(registry);
    expect(headersSent(requests)).toEqual([`Basic ${btoa('ada:canary-password')}`]);
    expect(tokenRequests).toEqual([]);
  });

  test('for Basic sends user names beyond ASCII as UTF-8', async () => {
    const credentials = { username: 'zoë', password: '密码' };
    const { registry, requests } = registryWith({ challenge: 'Basic realm="x", charset="UTF-8"', credentials });
    await ask(registry);
    expect(headersSent(requests)).toEqual([`Basic ${Buffer.from('zoë:密码').toString('base64')}`]);
  });

  test('for Basic without a login says how to log in', async () => {
    await expect(ask(registryWith({ challenge: 'Basic realm="x"' }).registry)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message:
        'registry.example.com wants a login for the manifest of team/app:1; run `wharf login registry.example.com`',
    });
  });

  test.each(['not a URL', '/token', 'ftp://registry.example.com/token', 'https://ada@registry.example.com/token'])(
    'whose realm is %j is refused with a sentence',
    async (realm) => {
      const { registry, requests } = registryWith({ challenge: `Bearer realm="${realm}"` });
      await expect(ask(registry)).rejects.toMatchObject({
        code: 'REALM',
        message: `registry.example.com names the token server "${realm}", which is not a URL`,
      });
      expect(requests).toHaveLength(1);
    },
  );

  test('of an unknown kind says that a login is wanted', async () => {
    const { registry } = registryWith({ challenge: 'Negotiate', credentials: ADA });
    await expect(ask(registry)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('that comes only for the repository is answered too', async () => {
    const { send, requests } = scriptedSend(({ url, headers }) => {
      if (url.pathname === '/v2/') return json({});
      if (url.pathname === '/token') return json({ token: 'late' });
      return headers['authorization'] === undefined ? refusal(BEARER) : json({});
    });
    const network = new Network({ send, clock: new FakeClock() });
    const registry = new RemoteRegistry({ name: 'r', url: REGISTRY, network });
    expect(await ask(registry)).toBe(200);
    expect(headersSent(requests)).toEqual([undefined, 'Bearer late']);
  });
});

describe('a wrong login', () => {
  test('is one sentence, with the user name and without the password', async () => {
    const { registry, tokenRequests } = registryWith({
      credentials: ADA,
      token: () => json({ details: 'incorrect username or password' }, 401),
    });
    const failure = await ask(registry).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'registry.example.com refused the login "ada": wrong user name or password',
    });
    expect(tokenRequests).toHaveLength(1);
  });

  test('for Basic is one sentence, and is not tried again', async () => {
    const challenge = 'Basic realm="x"';
    const { registry, requests } = registryWith({ challenge, credentials: ADA, judge: () => refusal(challenge) });
    await expect(ask(registry)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'registry.example.com refused the login for the manifest of team/app:1: wrong user name or password',
    });
    expect(headersSent(requests)).toHaveLength(1);
  });
});

describe('a token server', () => {
  test('that never ends its answer is cut off after a mebibyte, with a sentence', async () => {
    const { body, taken } = endless();
    const { registry } = registryWith({ token: () => ({ status: 200, body }) });
    await expect(ask(registry)).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: expect.stringMatching(/^registry\.example\.com .*more than 1048576 bytes/) as string,
    });
    expect(taken()).toBeLessThan(2 * 1024 * 1024);
  });

  test.each([
    ['a web page', '<html>', 'answered with something that is not a token'],
    ['a list', '[]', 'answered with something that is not a token'],
    ['a number for a token', '{"token":1}', 'answered with something that is not a token'],
    ['no token', '{}', 'answered with an empty or unprintable token'],
    ['a token with a line break', '{"token":"a\\nb"}', 'answered with an empty or unprintable token'],
  ])('that answers with %s is told so', async (_, body, message) => {
    const { registry, requests } = registryWith({ token: () => ({ status: 200, body }) });
    await expect(ask(registry)).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: `registry.example.com ${message}`,
    });
    expect(headersSent(requests)).toEqual([]);
  });

  test('that fails for a moment is asked again', async () => {
    const { registry, tokenRequests } = registryWith({
      token: (_request, count) => (count === 1 ? { status: 503 } : json({ token: 'it' })),
    });
    expect(await ask(registry)).toBe(200);
    expect(tokenRequests).toHaveLength(2);
  });

  test('that has no tokens is named', async () => {
    const { registry } = registryWith({ token: () => ({ status: 404 }) });
    await expect(ask(registry)).rejects.toMatchObject({
      message: 'registry.example.com answered 404 instead of a token for registry.example.com',
    });
  });
});
