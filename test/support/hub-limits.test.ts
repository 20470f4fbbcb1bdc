import { describe, expect, test } from 'vitest';
import { askHub } from './ask-hub.ts';
import { catalogImage } from './hub/catalog-image.ts';
import { startHub } from './hub/hub.ts';
import { imageIn } from './image-in.ts';

const images = [catalogImage('nginx')];
const MANIFEST = ['library/nginx', 'manifests/latest'] as const;
const ANONYMOUS_REFUSAL =
  '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}';

describe('the pull limit', () => {
  test('is spent by GETs of manifests; a HEAD tells of it for nothing', async () => {
    await using hub = await startHub({ images, limit: 3, windowSeconds: 60 });
    const head = await askHub(hub, ...MANIFEST, { method: 'HEAD' });
    expect(limitsOf(head)).toEqual(['3;w=60', '3;w=60', '127.0.0.1']);
    const got = await askHub(hub, ...MANIFEST);
    expect(limitsOf(got)).toEqual(['3;w=60', '2;w=60', '127.0.0.1']);
    const missing = await askHub(hub, 'library/nginx', 'manifests/nothing');
    expect([missing.status, ...limitsOf(missing)]).toEqual([404, '3;w=60', '1;w=60', '127.0.0.1']);
    expect(hub.counters).toMatchObject({ manifestGets: 2, manifestHeads: 1, refused: 0 });
  });

  test('once spent refuses GET and HEAD alike, until the oldest pull leaves the window', async () => {
    let now = 0;
    await using hub = await startHub({ images, limit: 2, windowSeconds: 60, now: () => now });
    await askHub(hub, ...MANIFEST);
    now = 30_000;
    await askHub(hub, ...MANIFEST);
    const refused = await askHub(hub, ...MANIFEST);
    expect([refused.status, ...limitsOf(refused)]).toEqual([429, '2;w=60', '0;w=60', '127.0.0.1']);
    expect(refused.headers.get('content-type')).toBe('application/json');
    expect(await refused.text()).toBe(ANONYMOUS_REFUSAL);
    expect((await askHub(hub, ...MANIFEST, { method: 'HEAD' })).status).toBe(429);
    now = 60_000;
    expect(limitsOf(await askHub(hub, ...MANIFEST, { method: 'HEAD' }))[1]).toBe('1;w=60');
    expect(hub.counters).toMatchObject({ manifestGets: 2, manifestHeads: 1, refused: 2 });
  });

  test('is counted for each account by itself, and some accounts are not metered', async () => {
    const accounts = [
      { username: 'ada', password: 'a', limit: 5 },
      { username: 'bob', password: 'b' },
    ];
    await using hub = await startHub({ images, accounts, limit: 1 });
    await askHub(hub, ...MANIFEST);
    const asAda = await askHub(hub, ...MANIFEST, { login: 'ada:a' });
    expect(limitsOf(asAda)).toEqual(['5;w=3600', '4;w=3600', 'ada']);
    expect(limitsOf(await askHub(hub, ...MANIFEST, { login: 'bob:b' }))).toEqual([null, null, null]);
    expect((await askHub(hub, ...MANIFEST)).status).toBe(429);
  });

  test('leaves blobs and tokens alone, and names who is charged on a 401 too', async () => {
    await using hub = await startHub({ images, limit: 0 });
    const { config } = imageIn(hub, 'library/nginx', hub.expected()[0]?.children[0] ?? '');
    expect((await askHub(hub, 'library/nginx', `blobs/${config.digest}`)).status).toBe(307);
    const challenge = await fetch(`${hub.registryUrl}/v2/library/nginx/manifests/latest`);
    expect(limitsOf(challenge)).toEqual([null, null, '127.0.0.1']);
  });

  test('can be absent: then no header speaks of it', async () => {
    await using hub = await startHub({ images });
    expect(limitsOf(await askHub(hub, ...MANIFEST))).toEqual([null, null, null]);
  });

  test('can be probed at ratelimitpreview/test', async () => {
    await using hub = await startHub({ images: [], limit: 100 });
    const probe = await askHub(hub, 'ratelimitpreview/test', 'manifests/latest', { method: 'HEAD' });
    expect([probe.status, ...limitsOf(probe)]).toEqual([200, '100;w=3600', '100;w=3600', '127.0.0.1']);
  });
});

test('the abuse limit answers in plain text, without rate headers, whatever is asked', async () => {
  await using hub = await startHub({ images, limit: 100, abuseLimitPerMinute: 2, now: () => 0 });
  await askHub(hub, ...MANIFEST);
  for (const url of [`${hub.registryUrl}/v2/`, hub.tokenUrl, `${hub.apiUrl}/v2/repositories/library`]) {
    const refused = await fetch(url);
    expect([refused.status, await refused.text()]).toEqual([429, 'Too Many Requests (HAP429)']);
    expect(limitsOf(refused)).toEqual([null, null, null]);
  }
});

function limitsOf({ headers }: Response): (string | null)[] {
  return ['ratelimit-limit', 'ratelimit-remaining', 'docker-ratelimit-source'].map((name) => headers.get(name));
}
