// The token service over HTTP, and what its tokens open by which route.
import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AccountWorld,
  type AccountWorldOptions,
  htpasswdOf,
  loginOf,
  openAccountWorld,
} from '../../test/support/hosted/account-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { until } from '../../test/support/programs/until.ts';
import { AccountStore } from '../accounts/account-store.ts';
import type { AccountName } from '../accounts/account-name.ts';
import { addAccount, removeAccount } from '../accounts/stored-accounts.ts';
import { createToken, revokeToken } from '../accounts/stored-tokens.ts';

const [ann, bob] = ['ann', 'bob'].map(loginOf) as [string, string];
const passwordOf = (login: string) => login.slice(login.indexOf(':') + 1);

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(options?: AccountWorldOptions): Promise<AccountWorld> {
  return opened.use(await openAccountWorld(options));
}

interface TokenBody {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope?: string;
  readonly refresh_token?: string;
}

function post(world: AccountWorld, form: Record<string, string>): Promise<Response> {
  return world.send('POST', '/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ service: 'wharf', client_id: 'test', ...form }).toString(),
  });
}

async function bodyOf(answer: Response): Promise<TokenBody> {
  expect(answer.status).toBe(200);
  return (await answer.json()) as TokenBody;
}

describe('the token service', () => {
  test('gives the same token by both names, says how long it is good, and is not cached', async () => {
    const world = await open();
    const answer = await world.tokenAnswer('service=wharf&scope=repository:a/b:pull&account=ann&client_id=docker', {
      as: ann,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const body = await bodyOf(answer);
    expect(body.access_token).toBe(body.token);
    expect(body.expires_in).toBe(300);
    expect(Number.isNaN(Date.parse(body.issued_at))).toBe(false);
    expect(body).not.toHaveProperty('refresh_token');
  });

  test('takes a password in a form, as containerd sends it', async () => {
    const world = await open();
    const form = { grant_type: 'password', username: 'ann', password: passwordOf(ann), scope: 'repository:a/b:pull' };
    const { access_token: as, scope } = await bodyOf(await post(world, form));
    expect(scope).toBe('repository:a/b:pull');
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(200);
    expect(await post(world, { ...form, password: 'wrong-password' })).toMatchObject({ status: 401 });
    expect(await post(world, { ...form, password: '' })).toMatchObject({ status: 401 });
  });

  test('gives a session for a password, which buys tokens until the password changes', async () => {
    const world = await open();
    const first = await bodyOf(await world.tokenAnswer('service=wharf&offline_token=true', { as: ann }));
    const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '' };
    const { access_token: as } = await bodyOf(await post(world, refresh));
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(200);
    // It is no token itself, and no password.
    expect(await world.statusOf('GET', '/v2/', { as: refresh.refresh_token })).toBe(401);
    expect(await world.statusOf('GET', '/v2/', { as: `ann:${refresh.refresh_token}` })).toBe(401);
    writeFileSync(world.htpasswd, htpasswdOf('ann'));
    await until(async () => (await post(world, refresh)).status === 401);
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(401);
  });

  test('gives no session to nobody, and none for one that was made up', async () => {
    const world = await open();
    expect(await bodyOf(await world.tokenAnswer('offline_token=true'))).not.toHaveProperty('refresh_token');
    for (const refresh_token of ['', 'x', `wharf_${'a'.repeat(43)}`]) {
      expect(await post(world, { grant_type: 'refresh_token', refresh_token })).toMatchObject({ status: 401 });
    }
  });

  test('refuses another service, another grant, another method, and a form without end', async () => {
    const world = await open();
    expect(await world.tokenAnswer('service=docker.io', { as: ann })).toMatchObject({ status: 400 });
    expect(await post(world, { grant_type: 'authorization_code' })).toMatchObject({ status: 400 });
    expect(await world.statusOf('PUT', '/token')).toBe(405);
    expect(await post(world, { grant_type: 'password', filler: 'x'.repeat(20_000) })).toMatchObject({ status: 400 });
  });

  test('passes over scopes that mean nothing, however many there are', async () => {
    const world = await open();
    const scopes = ['nonsense', 'repository:UPPER:pull', 'repository:a/b:', 'x:y:z', 'repository:../..:pull', ''];
    const many = Array.from({ length: 100 }, (_, nth) => `repository:a/b${nth}:pull`);
    const as = await world.token(ann, ...scopes, ...many);
    expect(as.length).toBeLessThan(8192);
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(200);
  });

  test('slows down whoever guesses, and not whoever has logged in', async () => {
    const world = await open();
    expect(await world.statusOf('GET', '/v2/', { as: bob })).toBe(200);
    const guess = () => world.tokenAnswer('service=wharf', { as: 'ann:a-wrong-password' });
    const statuses: number[] = [];
    for (let nth = 0; nth < 12; nth += 1) statuses.push((await guess()).status);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
    expect(await world.statusOf('GET', '/v2/', { as: bob })).toBe(200);
  });
});

describe('access ends at once', () => {
  const name = 'ci' as AccountName;

  test.each(['the account', 'the token'] as const)('when %s of a robot goes', async (what) => {
    const world = await open();
    using store = AccountStore.open(`${world.folder}/data`);
    addAccount(store, { name, passwordHash: undefined, createdAtMs: 0 });
    const { id, secret } = createToken(store, { account: name, description: '', nowMs: 0, expiresAtMs: undefined });
    const as = await world.token(`ci:${secret}`, 'repository:a/b:pull');
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(200);
    expect(await world.statusOf('GET', '/v2/', { as: `ann:${secret}` })).toBe(401);
    if (what === 'the account') removeAccount(store, name);
    else revokeToken(store, id);
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(401);
    expect(await world.statusOf('GET', '/v2/', { as: `ci:${secret}` })).toBe(401);
  });

  test('when a token of a robot has expired', async () => {
    const world = await open();
    using store = AccountStore.open(`${world.folder}/data`);
    addAccount(store, { name, passwordHash: undefined, createdAtMs: 0 });
    const { secret } = createToken(store, { account: name, description: '', nowMs: 0, expiresAtMs: 1 });
    expect(await world.statusOf('GET', '/v2/', { as: `ci:${secret}` })).toBe(401);
  });

  test('but not when the htpasswd file is broken for a while, or gone', async () => {
    const world = await open();
    const as = await world.token(ann);
    writeFileSync(world.htpasswd, 'ann:plain-text');
    expect(await world.statusOf('GET', '/v2/', { as })).toBe(200);
    rmSync(world.htpasswd);
    expect(await world.statusOf('GET', '/v2/', { as: ann })).toBe(200);
  });
});

describe('a token for a repository of one upstream', () => {
  const LOGIN = { username: 'mirror', password: 'secret' };
  let hub: Hub;
  let world: AccountWorld;
  beforeEach(async () => {
    const images = [catalogImage('owner/app', ['1'])];
    hub = opened.use(await startHub({ images, accounts: [LOGIN], privateRepositories: ['owner/app'] }));
    const upstream = (hosts: readonly string[]) => ({
      url: hub.registryUrl,
      hubApi: 'off',
      realms: [hub.tokenUrl],
      credentials: LOGIN,
      hosts,
    });
    const upstreams = {
      'docker.io': upstream(['docker.mirror.example']),
      'ghcr.io': upstream(['ghcr.mirror.example']),
    };
    const policy = [
      { repositories: ['**'], accounts: ['ann'], allow: ['pull'] },
      { repositories: ['docker.io/**'], accounts: ['bob'], allow: ['pull'] },
      { repositories: ['**'], anonymous: true, networks: ['192.0.2.0/24'], allow: ['pull'] },
    ];
    world = await open({ more: { upstreams, trustedProxies: ['127.0.0.1'] }, accounts: { policy } });
  });

  const MANIFEST = 'owner/app/manifests/1';
  const ROUTES: Readonly<Record<string, string>> = {
    path: `/v2/ghcr.io/${MANIFEST}`,
    ns: `/v2/${MANIFEST}?ns=ghcr.io`,
    'path and ns': `/v2/ghcr.io/${MANIFEST}?ns=ghcr.io`,
    prefix: `/ghcr.io/v2/${MANIFEST}`,
  };

  test.each(Object.entries(ROUTES))('opens nothing of another by %s, and one for that opens it', async (_, route) => {
    const [docker, ghcr] = [
      await world.token(ann, 'repository:owner/app:pull'),
      await world.token(ann, 'repository:ghcr.io/owner/app:pull'),
    ];
    expect(await world.statusOf('GET', `/v2/${MANIFEST}`, { as: docker })).toBe(200);
    expect(await world.statusOf('GET', route, { as: docker })).toBe(401);
    expect(await world.statusOf('GET', route, { as: ghcr })).toBe(200);
    expect(await world.statusOf('GET', `/v2/${MANIFEST}`, { as: ghcr })).toBe(401);
    // Policy looks at the upstream, however it is reached.
    expect(await world.statusOf('GET', route, { as: bob })).toBe(403);
    expect(await world.statusOf('GET', route)).toBe(401);
  });

  test.each(Object.entries(ROUTES))('is asked for as the challenge says by %s', async (_, route) => {
    const refused = await world.send('GET', route);
    const told = refused.headers.get('www-authenticate') ?? '';
    const [, realm = '', scope = ''] = /realm="([^"]*)",service="wharf",scope="([^"]*)"/.exec(told) ?? [];
    const answer = await fetch(`${realm}?service=wharf&scope=${scope}`, {
      headers: { authorization: `Basic ${Buffer.from(ann).toString('base64')}` },
    });
    const { token: as } = await bodyOf(answer);
    expect(await world.statusOf('GET', route, { as })).toBe(200);
  });

  test('what only our login may read is for accounts, and not for everybody of a network', async () => {
    const from = { headers: { 'x-forwarded-for': '192.0.2.7' } };
    expect(await world.statusOf('GET', `/v2/${MANIFEST}`, from)).toBe(401);
    expect(await world.statusOf('GET', `/v2/${MANIFEST}`, { as: ann })).toBe(200);
  });

  test('a host that is made up is told to nobody but who made it up', async () => {
    const { send } = world;
    const answer = await send('GET', '/v2/', {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    });
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="${world.url.replace('http:', 'https:')}/token",service="wharf"`,
    );
  });
});
