import { describe, expect, test } from 'vitest';
import { startRegistry } from './registry/registry.ts';

describe('a login', () => {
  const account = { username: 'ada', password: 'secret:1' };
  const basic = `Basic ${Buffer.from('ada:secret:1').toString('base64')}`;

  test('by Basic is asked for', async () => {
    await using registry = await startRegistry({ login: { ...account, scheme: 'basic' } });
    const refused = await fetch(`${registry.url}/v2/`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="registry"']);
    expect((await fetch(`${registry.url}/v2/`, { headers: { authorization: basic } })).status).toBe(200);
    expect(registry.counters).toMatchObject({ unauthorized: 1, requests: 2 });
  });

  test('by Bearer wants a token for what is done', async () => {
    await using registry = await startRegistry({ login: { ...account, scheme: 'bearer' } });
    const upload = { method: 'POST', headers: {} };
    const refused = await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, upload);
    const challenge = refused.headers.get('www-authenticate') ?? '';
    expect(challenge).toBe(`Bearer realm="${registry.url}/token",service="registry",scope="repository:a/b:pull,push"`);
    const ask = async (scope: string, headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${registry.url}/token?service=registry&scope=${scope}`, { headers });
      const { token } = (await answer.json()) as { token: string };
      const authorization = `Bearer ${token}`;
      return (await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { ...upload, headers: { authorization } })).status;
    };
    expect(await ask('repository:a/b:pull,push', { authorization: basic })).toBe(202);
    expect(await ask('repository:a/b:pull', { authorization: basic })).toBe(401);
    expect(await ask('repository:a/b:pull,push', {})).toBe(401);
  });
});
