// Who may have what at a server with accounts, asked over HTTP.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type AccountWorld,
  type AccountWorldOptions,
  loginOf,
  openAccountWorld,
} from '../../test/support/hosted/account-world.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';

const INDEX = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
const PUT_INDEX = { headers: { 'content-type': MEDIA_TYPES.ociIndex }, body: INDEX };
const POLICY = [
  { repositories: ['team/**'], groups: ['team'], allow: ['pull', 'push'] },
  { repositories: ['open/**'], anonymous: true, allow: ['pull'] },
  { repositories: ['open/**'], accounts: ['*'], allow: ['pull', 'push'] },
  { repositories: ['inside/**'], anonymous: true, networks: ['10.0.0.0/8'], allow: ['pull'] },
  { accounts: ['root'], allow: ['pull', 'push', 'delete', 'fill', 'admin'] },
];
const GROUPS = { team: ['ann'] };
const [ann, bob, root] = ['ann', 'bob', 'root'].map(loginOf) as [string, string, string];

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(options: AccountWorldOptions = {}): Promise<AccountWorld> {
  return opened.use(await openAccountWorld({ accounts: { groups: GROUPS, policy: POLICY }, ...options }));
}

/** With an image in each of the repositories. */
async function openFull(...repositories: readonly string[]): Promise<AccountWorld> {
  const world = await open();
  for (const name of repositories) {
    expect(await world.statusOf('PUT', `/v2/${name}/manifests/1`, { as: root, ...PUT_INDEX })).toBe(201);
  }
  return world;
}

describe('who has not logged in', () => {
  test('is told by the ping where to', async () => {
    const { send, url } = await open();
    const answer = await send('GET', '/v2/');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer realm="${url}/token",service="wharf"`);
    expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  });

  test('is told by a repository what to ask for, whether it is there or not', async () => {
    const { send, url } = await openFull('team/app');
    for (const name of ['team/app', 'team/none']) {
      const answer = await send('GET', `/v2/${name}/manifests/1`);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        `Bearer realm="${url}/token",service="wharf",scope="repository:${name}:pull"`,
      ]);
      expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    }
  });

  test('pulls what is for everybody, with a token of nobody and without one', async () => {
    const { statusOf, token } = await openFull('open/app', 'team/app');
    expect(await statusOf('GET', '/v2/open/app/manifests/1')).toBe(200);
    const as = await token(undefined, 'repository:open/app:pull', 'repository:team/app:pull');
    expect(await statusOf('GET', '/v2/', { as })).toBe(200);
    expect(await statusOf('GET', '/v2/open/app/manifests/1', { as })).toBe(200);
    expect(await statusOf('GET', '/v2/team/app/manifests/1', { as })).toBe(401);
    expect(await statusOf('PUT', '/v2/open/app/manifests/2', { as, ...PUT_INDEX })).toBe(401);
  });
});

describe('an account', () => {
  test('has what the rules give it, by password and by token', async () => {
    const { statusOf, token } = await openFull('team/app', 'open/app');
    const tokens = {
      ann: await token(ann, 'repository:team/app:pull,push'),
      bob: await token(bob, 'repository:team/app:pull,push', 'repository:open/app:pull'),
    };
    for (const as of [ann, tokens.ann]) {
      expect(await statusOf('GET', '/v2/', { as })).toBe(200);
      expect(await statusOf('GET', '/v2/team/app/manifests/1', { as })).toBe(200);
      expect(await statusOf('PUT', '/v2/team/app/manifests/2', { as, ...PUT_INDEX })).toBe(201);
    }
    // To a token it is said as distribution does.
    for (const [as, refused] of [
      [bob, 403],
      [tokens.bob, 401],
    ] as const) {
      expect(await statusOf('GET', '/v2/open/app/manifests/1', { as })).toBe(200);
      expect(await statusOf('GET', '/v2/team/app/manifests/1', { as })).toBe(refused);
      expect(await statusOf('PUT', '/v2/team/app/manifests/2', { as, ...PUT_INDEX })).toBe(refused);
    }
    expect(await statusOf('DELETE', '/v2/team/app/manifests/1', { as: ann })).toBe(403);
    expect(await statusOf('DELETE', '/v2/team/app/manifests/1', { as: root })).toBe(202);
  });

  test('is not told what there is where it may not look', async () => {
    const { send } = await openFull('team/app');
    const answers = await Promise.all(
      ['team/app', 'team/none'].map((name) => send('GET', `/v2/${name}/tags/list`, { as: bob })),
    );
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(texts[0]?.replace('team/app', 'team/none')).toBe(texts[1]);
  });

  test('lists what it may pull', async () => {
    const { send, token } = await openFull('team/app', 'open/app', 'inside/app');
    const list = async (as: string) => {
      const answer = await send('GET', '/v2/_catalog', { as });
      return answer.status === 200 ? ((await answer.json()) as { repositories: string[] }).repositories : answer.status;
    };
    expect(await list(root)).toEqual(['inside/app', 'open/app', 'team/app']);
    expect(await list(bob)).toEqual(['open/app']);
    expect(await list(await token(ann, 'registry:catalog:*'))).toEqual(['open/app', 'team/app']);
    expect(await list(await token(ann))).toBe(401);
    expect(await send('GET', '/v2/_catalog')).toMatchObject({ status: 401 });
  });

  test('gets no list of a repository that it may not pull from', async () => {
    const { statusOf } = await openFull('team/app');
    const digest = `sha256:${'0'.repeat(64)}`;
    for (const at of ['/v2/team/app/tags/list', `/v2/team/app/referrers/${digest}`]) {
      expect(await statusOf('GET', at, { as: ann })).toBe(200);
      expect(await statusOf('GET', at, { as: bob })).toBe(403);
    }
  });

  test('needs the right password, in every place', async () => {
    const { statusOf, tokenAnswer } = await openFull('open/app');
    for (const as of ['ann:wrong-password-1', 'nobody:ann-password-1', 'ann:', ':x']) {
      expect(await statusOf('GET', '/v2/', { as })).toBe(401);
      // Also for what it would get without one: who logs in is to learn that it failed.
      expect(await statusOf('GET', '/v2/open/app/manifests/1', { as })).toBe(401);
      expect(await tokenAnswer('service=wharf', { as })).toMatchObject({ status: 401 });
    }
  });

  test('mounts only from where it may pull, and uploads are its own', async () => {
    const { send, statusOf } = await openFull('open/app', 'team/app');
    const begun = await send('POST', '/v2/team/app/blobs/uploads/', { as: ann });
    const location = begun.headers.get('location') ?? '';
    expect(begun.status).toBe(202);
    expect(await statusOf('GET', location, { as: ann })).toBe(204);
    expect(await statusOf('PATCH', location, { as: ann, body: 'abc' })).toBe(202);
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      expect(await statusOf(method, location, { as: root })).toBe(404);
      expect(await statusOf(method, location, { as: bob })).toBe(403);
      expect(await statusOf(method, location)).toBe(401);
    }
    const digest = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await statusOf('PUT', `${location}?digest=${digest}`, { as: ann })).toBe(201);
    const mount = `/v2/open/app/blobs/uploads/?mount=${digest}`;
    expect(await statusOf('POST', `${mount}&from=team/app`, { as: bob })).toBe(202);
    expect(await statusOf('POST', mount, { as: bob })).toBe(202);
    expect(await statusOf('POST', `${mount}&from=team/app`, { as: ann })).toBe(201);
  });

  test('of a network is found by its own address, and not by what it says', async () => {
    const proxied = { headers: { 'x-forwarded-for': '10.1.2.3' } };
    const forged = await openFull('inside/app');
    expect(await forged.statusOf('GET', '/v2/inside/app/manifests/1', proxied)).toBe(401);
    const more = { upstreams: {}, hosted: ['**'], trustedProxies: ['127.0.0.1'] };
    const world = await open({ more });
    await world.statusOf('PUT', '/v2/inside/app/manifests/1', { as: root, ...PUT_INDEX });
    expect(await world.statusOf('GET', '/v2/inside/app/manifests/1', proxied)).toBe(200);
    const added = { headers: { 'x-forwarded-for': '10.1.2.3, 192.0.2.1' } };
    expect(await world.statusOf('GET', '/v2/inside/app/manifests/1', added)).toBe(401);
  });
});
