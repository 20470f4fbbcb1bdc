// Logins that end, are renewed, or come while we run: what a registry then gets to see.
import { describe, expect, test } from 'vitest';
import { type Reply, json, scriptedSend } from '../../test/support/client/scripted-send.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { Credentials } from './credentials.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { SendRequest } from './send.ts';

const REGISTRY = 'https://registry.example.com';
const BASIC = 'Basic realm="x"';
const BEARER = `Bearer realm="${REGISTRY}/token",service="example"`;

interface Scenario {
  readonly challenge?: string;
  /** Looks the login up for the time that `count` says. */
  readonly find: (count: number) => Credentials | undefined;
  readonly token?: (authorization: string | undefined, count: number) => Reply | Promise<Reply>;
  /** What the registry says to a header; 200 by default to any. */
  readonly judge?: (authorization: string, path: string) => Reply | Promise<Reply>;
}

/** A registry that asks for a login, its token server, and a client of it whose login is looked up by `find`. */
function registryWith({ challenge = BASIC, find, token = () => json({}), judge = () => json({}) }: Scenario) {
  const clock = new FakeClock();
  const lookUps: (Credentials | undefined)[] = [];
  const tokenRequests: (string | undefined)[] = [];
  const { send, requests } = scriptedSend(({ url, headers: { authorization } }) => {
    if (url.pathname !== '/token')
      return authorization === undefined ? refusal(challenge) : judge(authorization, url.pathname);
    return token(authorization, tokenRequests.push(authorization));
  });
  const credentials = async () => {
    const login = find(lookUps.length + 1);
    lookUps.push(login);
    return login;
  };
  const network = new Network({ send, clock });
  const registry = new RemoteRegistry({ name: 'registry.example.com', url: new URL(REGISTRY), network, credentials });
  return { registry, clock, requests, tokenRequests, lookUps };
}

function refusal(challenge: string): Reply {
  return { status: 401, headers: { 'www-authenticate': challenge } };
}

async function ask(registry: RemoteRegistry, repository = 'team/app'): Promise<number> {
  const what = `the manifest of ${repository}:1`;
  const url = registry.path(`${repository}/manifests/1`);
  const scopes = [`repository:${repository}:pull`];
  const response = await registry.request({ method: 'GET', url, scopes, kind: 'manifestGet', what });
  await response.body.discard();
  return response.status;
}

const headersSent = (requests: readonly SendRequest[]) =>
  requests.filter(({ url }) => url.pathname.includes('/manifests/')).map(({ headers }) => headers['authorization']);

describe('a login that changes', () => {
  const login = (count: number): Credentials => ({ username: 'ada', password: `canary-${count}` });
  const basic = (count: number) => `Basic ${btoa(`ada:canary-${count}`)}`;
  const ADA = login(0);
  const hours = (count: number) => count * 3_600_000;

  test('is asked for once, however many want it first', async () => {
    const { registry, lookUps } = registryWith({ find: login });
    await Promise.all(Array.from({ length: 20 }, () => ask(registry)));
    expect(lookUps).toHaveLength(1);
  });

  test('serves for its lifetime, and is then asked for again by all at once', async () => {
    const lifetimeMs = hours(6);
    const scenario = { find: (count: number) => ({ ...login(count), lifetimeMs }) };
    const { registry, clock, requests, lookUps } = registryWith(scenario);
    await ask(registry);
    clock.advance(lifetimeMs - 1);
    await ask(registry);
    clock.advance(1);
    await Promise.all([ask(registry), ask(registry)]);
    expect(headersSent(requests)).toEqual([basic(1), basic(1), basic(2), basic(2)]);
    expect(lookUps).toHaveLength(2);
  });

  test('is asked for each time when it has no lifetime', async () => {
    const scenario = { find: (count: number) => ({ ...login(count), lifetimeMs: 0 }) };
    const { registry, requests } = registryWith(scenario);
    await ask(registry);
    await ask(registry);
    expect(headersSent(requests)).toEqual([basic(1), basic(2)]);
  });

  test('is asked for again after a clock was set back', async () => {
    const scenario = { find: (count: number) => ({ ...login(count), lifetimeMs: hours(1) }) };
    const { registry, clock, requests } = registryWith(scenario);
    await ask(registry);
    clock.set(-hours(100));
    await ask(registry);
    expect(headersSent(requests)).toEqual([basic(1), basic(2)]);
  });

  test('and was refused is tried once more with a fresh one, which all then use', async () => {
    const judge = (sent: string) => (isExpired && sent === basic(1) ? refusal(BASIC) : json({}));
    let isExpired = false;
    const { registry, clock, requests, lookUps } = registryWith({ find: login, judge });
    await ask(registry);
    isExpired = true;
    clock.advance(hours(12));
    const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(registry)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    await ask(registry);
    expect(lookUps).toHaveLength(2);
    expect(headersSent(requests).at(-1)).toBe(basic(2));
  });

  test('and is refused again is no longer tried', async () => {
    const scenario = { find: login, judge: () => refusal(BASIC) };
    const { registry, clock, requests, lookUps } = registryWith(scenario);
    await expect(ask(registry)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    clock.advance(hours(1));
    await expect(ask(registry)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(lookUps).toHaveLength(2);
    expect(headersSent(requests)).toEqual([basic(1), basic(1), basic(2)]);
  });

  test('is not asked for with every refusal, which clients can cause at will', async () => {
    const { registry, clock, lookUps } = registryWith({ find: login, judge: () => refusal(BASIC) });
    for (let requests = 0; requests < 100; requests += 1) {
      await ask(registry).catch(() => undefined);
      clock.advance(250);
    }
    expect(lookUps.length).toBeLessThanOrEqual(3);
  });

  test('and was refused is not sent again when it is still the same', async () => {
    const scenario = { find: () => ADA, judge: () => refusal(BASIC) };
    const { registry, clock, requests, lookUps } = registryWith(scenario);
    for (let requests = 0; requests < 3; requests += 1) {
      await expect(ask(registry)).rejects.toThrow('wrong user name or password');
      clock.advance(hours(1));
    }
    expect(headersSent(requests)).toHaveLength(3);
    expect(lookUps).toHaveLength(3);
  });

  test('is found when a person logs in while we run', async () => {
    let stored: Credentials | undefined;
    const { registry, clock, requests } = registryWith({ find: () => stored });
    await expect(ask(registry)).rejects.toThrow('run `wharf login registry.example.com`');
    stored = login(1);
    clock.advance(60_000);
    expect(await ask(registry)).toBe(200);
    expect(headersSent(requests).at(-1)).toBe(basic(1));
  });

  test('and was refused by the token server is tried once more with a fresh one', async () => {
    const { registry, clock, tokenRequests } = registryWith({
      find: login,
      challenge: BEARER,
      token: (authorization, count) =>
        count > 1 && authorization === basic(1) ? { status: 401 } : json({ token: `token-${count}` }),
    });
    await ask(registry);
    clock.advance(hours(12));
    expect(await ask(registry)).toBe(200);
    expect(tokenRequests).toEqual([basic(1), basic(1), basic(2)]);
  });

  test('brings one new token for each repository, however late it was refused for one of them', async () => {
    const isServed = Promise.withResolvers<void>();
    const { registry, clock, tokenRequests } = registryWith({
      challenge: BEARER,
      find: login,
      async token(authorization, count) {
        if (count === 1 || authorization !== basic(1)) return json({ token: `token-${count}` });
        if (count === 5) await isServed.promise;
        return { status: 401 };
      },
      judge(authorization) {
        if (authorization !== 'Bearer token-1') isServed.resolve();
        return json({});
      },
    });
    await ask(registry);
    clock.advance(hours(12));
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => ask(registry, name)));
    await Promise.all(names.map((name) => ask(registry, name)));
    const count = (authorization: string) => tokenRequests.filter((sent) => sent === authorization).length;
    expect([count(basic(1)), count(basic(2)), tokenRequests.length]).toEqual([5, 4, 9]);
  });

  test('and was refused by the token server again is no longer tried', async () => {
    const { registry, clock, tokenRequests } = registryWith({
      challenge: BEARER,
      find: login,
      token: () => ({ status: 403 }),
    });
    await expect(ask(registry)).rejects.toThrow('refused the login "ada"');
    clock.advance(hours(12));
    await expect(ask(registry)).rejects.toThrow('refused the login "ada"');
    expect(tokenRequests).toHaveLength(3);
  });

  test('brings tokens that suffice where those without a login did not', async () => {
    const isServed = Promise.withResolvers<void>();
    let stored: Credentials | undefined;
    const { registry, clock, requests } = registryWith({
      challenge: BEARER,
      find: () => stored,
      token: (authorization) => json({ token: authorization === undefined ? 'nobody' : 'ada', expires_in: 3600 }),
      async judge(authorization, path) {
        if (authorization === 'Bearer ada') isServed.resolve();
        if (authorization === 'Bearer ada' || path.includes('public')) return json({});
        // Refused when the other has its new token already.
        if (path.includes('slow') && stored !== undefined) await isServed.promise;
        return refusal(`${BEARER},error="insufficient_scope"`);
      },
    });
    await ask(registry, 'public');
    await expect(ask(registry)).rejects.toThrow('may need `wharf login`');
    await expect(ask(registry, 'slow')).rejects.toThrow('may need `wharf login`');
    stored = login(1);
    clock.advance(20_000);
    expect(await Promise.all([ask(registry), ask(registry, 'slow')])).toEqual([200, 200]);
    await ask(registry, 'public');
    expect(headersSent(requests).at(-1)).toBe('Bearer ada');
  });

  test('and cannot be asked for fails with the reason, and is asked for again a little later', async () => {
    const { registry, clock, lookUps } = registryWith({
      find: (count) => {
        if (isBroken) throw new Error('the helper failed');
        return login(count);
      },
    });
    let isBroken = true;
    await expect(ask(registry)).rejects.toThrow('the helper failed');
    isBroken = false;
    await expect(ask(registry)).rejects.toThrow('the helper failed');
    expect(lookUps).toEqual([]);
    clock.advance(10_000);
    expect(await ask(registry)).toBe(200);
  });
});
