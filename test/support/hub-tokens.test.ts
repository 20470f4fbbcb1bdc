import { describe, expect, test } from 'vitest';
import { askHub, tokenFor } from './ask-hub.ts';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';

const images = [catalogImage('nginx'), catalogImage('team/secret')];
const accounts = [{ username: 'ada', password: 'secret' }];
const privateRepositories = ['team/secret'];

describe('a challenge', () => {
  test('of the ping has no scope', async () => {
    await using hub = await startHub({ images });
    const response = await fetch(`${hub.registryUrl}/v2/`);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="${hub.tokenUrl}",service="registry.docker.io"`,
    );
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect(await response.json()).toEqual({
      errors: [{ code: 'UNAUTHORIZED', message: 'authentication required', detail: null }],
    });
  });

  test('of a repository names the scope, in the header and in the body', async () => {
    await using hub = await startHub({ images });
    const response = await fetch(`${hub.registryUrl}/v2/library/nginx/manifests/latest`);
    expect(response.headers.get('www-authenticate')).toContain(',scope="repository:library/nginx:pull"');
    expect(await response.json()).toMatchObject({
      errors: [{ detail: [{ Type: 'repository', Class: '', Name: 'library/nginx', Action: 'pull' }] }],
    });
  });

  test.each([
    ['that does not exist', 'library/nothing'],
    ['that is private', 'team/secret'],
  ])('of a repository %s says insufficient_scope', async (_, repository) => {
    await using hub = await startHub({ images, accounts, privateRepositories });
    const response = await askHub(hub, repository, 'manifests/latest');
    expect([response.status, errorIn(response)]).toEqual([401, 'insufficient_scope']);
  });

  test('says invalid_token to a token that is foreign, expired, or for another service', async () => {
    let now = Date.UTC(2026, 10, 23);
    await using hub = await startHub({ images, now: () => now });
    const foreign = await pull(hub, 'made-up');
    const token = await tokenFor(hub, 'repository:library/nginx:pull');
    expect((await pull(hub, token)).status).toBe(200);
    now += 300_000;
    const expired = await pull(hub, token);
    const query = 'service=registry-1.docker.io&scope=repository:library/nginx:pull';
    const { token: other } = (await (await fetch(`${hub.tokenUrl}?${query}`)).json()) as { token: string };
    const misplaced = await pull(hub, other);
    expect([foreign, expired, misplaced].map(errorIn)).toEqual(['invalid_token', 'invalid_token', 'invalid_token']);
  });
});

describe('the token server', () => {
  test('answers with the token under both names, its lifetime and its time of issue', async () => {
    const now = Date.UTC(2026, 10, 23);
    await using hub = await startHub({ images, now: () => now });
    const response = await fetch(`${hub.tokenUrl}?service=registry.docker.io&scope=repository:library/nginx:pull`);
    const body = (await response.json()) as Record<string, unknown>;
    expect(body).toEqual({
      token: body['access_token'],
      access_token: expect.any(String),
      expires_in: 300,
      issued_at: '2026-11-23T00:00:00.000Z',
    });
  });

  test('gives less than is asked for, and never says no', async () => {
    await using hub = await startHub({ images });
    const token = await tokenFor(hub, 'repository:library/nginx:pull,push repository:library/nothing:pull');
    expect((await pull(hub, token)).status).toBe(200);
    const push = { method: 'PUT', headers: { authorization: `Bearer ${token}` }, body: '{}' };
    const pushed = await fetch(`${hub.registryUrl}/v2/library/nginx/manifests/latest`, push);
    expect([pushed.status, errorIn(pushed)]).toEqual([401, 'insufficient_scope']);
  });

  test('knows its accounts, and refuses a wrong password', async () => {
    await using hub = await startHub({ images, accounts, privateRepositories });
    const allowed = await askHub(hub, 'team/secret', 'manifests/latest', { login: 'ada:secret' });
    expect(allowed.status).toBe(200);
    const headers = { authorization: `Basic ${Buffer.from('ada:wrong').toString('base64')}` };
    const refused = await fetch(`${hub.tokenUrl}?service=registry.docker.io`, { headers });
    expect([refused.status, await refused.json()]).toEqual([401, { details: 'incorrect username or password' }]);
  });
});

test('a missing tag of a repository that exists is MANIFEST_UNKNOWN', async () => {
  await using hub = await startHub({ images });
  const response = await askHub(hub, 'library/nginx', 'manifests/no-such-tag');
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ errors: [{ code: 'MANIFEST_UNKNOWN' }] });
});

function pull(hub: Hub, token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${hub.registryUrl}/v2/library/nginx/manifests/latest`, { method: 'HEAD', headers });
}

function errorIn(response: Response): string | undefined {
  return /error="([^"]*)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
}
