import { describe, expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { startHub } from '../../test/support/hub/hub.ts';
import { freePort } from '../../test/support/programs/free-port.ts';
import { startProxyDouble } from '../../test/support/proxy/proxy-double.ts';
import { image, store } from '../../test/support/image-graph.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import { parseConfig } from '../config/parse-config.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { readProxyEnvironment } from '../remote/proxy-environment.ts';
import type { UpstreamRepository } from '../remote/upstream-repository.ts';
import { readAll } from '../streams/read-all.ts';
import { Session } from './session.ts';

const NGINX = parseRepositoryName('library/nginx');
const LOGIN = { username: 'ada', password: 'canary4711' };

function openSession(config: object, env: Readonly<Record<string, string>> = {}): Session {
  return new Session({
    config: parseConfig(JSON.stringify(config), {
      file: 'wharf.yaml',
      env: {},
      resolvePath: (file) => file,
      readSecret: () => '',
    }),
    credentials: { find: () => Promise.resolve(undefined) },
    proxies: readProxyEnvironment(env),
  });
}

/** Of the first image of an index. */
async function lastLayer(repository: UpstreamRepository, digest: Digest): Promise<Descriptor> {
  const { content } = readManifest((await repository.manifest(digest)).bytes);
  if (content.kind === 'index') return await lastLayer(repository, content.manifests[0]?.digest ?? digest);
  const layer = content.layers.at(-1);
  if (layer === undefined) throw new Error('the image has no layers');
  return layer;
}

const hostOf = (url: string) => new URL(url).host;

describe('the proxy of an upstream', () => {
  test('is used for its registry, its tokens, its web API and its blobs, and a mirror has one of its own', async () => {
    await using hub = await startHub({ images: [catalogImage('nginx', ['1'])] });
    await using mirror = await startRegistry();
    await using proxy = await startProxyDouble({ kind: 'socks5', login: LOGIN });
    await using other = await startProxyDouble({ kind: 'http' });
    const mirrors = [{ url: mirror.url, proxy: other.url }];
    const login = `${LOGIN.username}:${LOGIN.password}@`;
    const upstream = {
      url: hub.registryUrl,
      hubApi: hub.apiUrl,
      proxy: proxy.url.replace('//', `//${login}`),
      mirrors,
    };
    await using session = openSession({ upstreams: { 'docker.io': upstream } });
    const docker = session.upstream('docker.io');
    await docker.resolveTags(NGINX, [parseTag('1')]);
    const repository = docker.repository(NGINX);
    const layer = await lastLayer(repository, hub.digestOf(NGINX, '1'));
    const { sizeBytes, body } = await repository.blob(layer.digest);
    await readAll(body, sizeBytes);
    const origins = [hub.registryUrl, hub.tokenUrl, hub.apiUrl, hub.cdnUrl];
    expect(new Set(proxy.targets)).toEqual(new Set(origins.map(hostOf)));
    expect(new Set(other.targets)).toEqual(new Set([hostOf(mirror.url)]));
  });

  test('is passed by where it says direct, whatever the environment says', async () => {
    await using registry = await startRegistry();
    await using proxy = await startProxyDouble({ kind: 'http' });
    // A name that stands for this machine, and that the environment's proxy would be used for.
    const url = registry.url.replace('127.0.0.1', 'localhost.');
    await using session = openSession({}, { HTTP_PROXY: proxy.url });
    await session.registry({ url, realms: [], insecure: false }).checkLogin();
    expect(new Set(proxy.targets)).toEqual(new Set([hostOf(url)]));
    const count = proxy.targets.length;
    const direct = session.registry({ url, realms: [], insecure: false, proxy: 'direct' });
    // Not every system knows the name in this form, and that is another matter.
    await direct.checkLogin().catch(() => undefined);
    expect(proxy.targets).toHaveLength(count);
  });

  test('that is down says nothing of the same registry for those who reach it without', async () => {
    await using registry = await startRegistry();
    store(registry, 'team/app', image('an image'));
    await using session = openSession({});
    const endpoint = { url: registry.url, realms: [], insecure: false };
    const port = await freePort();
    const behind = session.registry({ ...endpoint, proxy: `socks5://ada:canary4711@127.0.0.1:${port}` });
    const failure = await behind.checkLogin().catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({
      code: 'PROXY',
      message: `${hostOf(registry.url)} is behind the proxy socks5://127.0.0.1:${port}, which refused the connection; nothing listens there (ECONNREFUSED, for its API root /v2/)`,
    });
    const direct = session.registry(endpoint);
    await direct.checkLogin();
    expect(direct.network.origin(direct.url).health.isFailing).toBe(false);
  });
});

test.each(['http', 'socks5'] as const)(
  'a blob that a proxy (%s) cuts off again and again goes on at the same byte, by a redirect of its own each time',
  async (kind) => {
    await using hub = await startHub({ images: [catalogImage('nginx', ['1'])], layerBytes: 500_000 });
    await using proxy = await startProxyDouble({ kind, cutAfterBytes: 200_000 });
    const upstream = { url: hub.registryUrl, hubApi: 'off', proxy: proxy.url };
    await using session = openSession({ upstreams: { 'docker.io': upstream } });
    const nginx = session.upstream('docker.io').repository(NGINX);
    const layer = await lastLayer(nginx, hub.digestOf(NGINX, '1'));
    hub.resetCounters();
    const { sizeBytes, body } = await nginx.blob(layer.digest);
    // It is hashed on the way.
    expect((await readAll(body, sizeBytes)).byteLength).toBe(sizeBytes);
    const { blobGets, cdnGets } = hub.counters;
    expect(cdnGets).toBeGreaterThan(Math.floor(sizeBytes / 200_000));
    expect(blobGets).toBe(cdnGets);
  },
);
