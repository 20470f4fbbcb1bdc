// Behind proxies that want a login: what leads out goes through them, and they are told apart from what is behind them.
import { chmod } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import {
  type CertificateAuthority,
  type CertificateFiles,
  certificateAuthority,
} from '../support/programs/certificates.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { freePort } from '../support/programs/free-port.ts';
import { startGitServer } from '../support/programs/git-server.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import {
  PROXY_LOGIN,
  type ProxyProcess,
  startMicrosocks,
  startSquid,
  startTinyproxy,
} from '../support/programs/proxies.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';
import { copyBySkopeo, rawBySkopeo } from '../support/programs/skopeo.ts';
import { type SyncWorld, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';
import { openWharf } from '../support/programs/wharf.ts';
import { startProxyDouble } from '../support/proxy/proxy-double.ts';

const missing = missingPrograms('docker-registry', 'skopeo', 'git', 'openssl', 'tinyproxy', 'squid', 'microsocks');
const SECRET = PROXY_LOGIN.password;
/** As an Authorization header would have it. */
const ENCODED_SECRET = btoa(`${PROXY_LOGIN.username}:${SECRET}`);

describe.skipIf(missing !== undefined)(`behind proxies${skipNote(missing)}`, () => {
  const opened = new AsyncDisposableStack();
  let folder: ScratchFolder;
  let authority: CertificateAuthority;
  let certificate: CertificateFiles;

  beforeAll(async () => {
    folder = opened.use(await scratchFolder('certificate'));
    authority = await certificateAuthority(folder.path);
    certificate = await authority.issue('server', ['registry.test', 'git.test', '127.0.0.1']);
    // For proxies that give up the rights of root.
    await chmod(folder.path, 0o755);
    await chmod(certificate.keyFile, 0o644);
  });
  afterAll(() => opened.disposeAsync());

  const trusting = () => ({ NODE_EXTRA_CA_CERTS: authority.file, GIT_SSL_CAINFO: authority.file });

  describe.each<[name: string, start: () => Promise<ProxyProcess>]>([
    ['tinyproxy', startTinyproxy],
    ['squid', () => startSquid()],
    ['squid behind TLS', () => startSquid({ certificate })],
    ['microsocks', startMicrosocks],
  ])('the proxy of an upstream: %s', (_, start) => {
    test('wharf sync goes through it to the registry, its tokens, its blobs and its web API, and to nothing else', async () => {
      await using proxy = await start();
      await using world = await openSyncWorld();
      await configure(world, proxy.urlWithLogin);
      const { code, report, stdout, stderr } = await world.sync([], trusting());
      expect(report.failures).toEqual([]);
      expect(code).toBe(0);
      expect(await world.missing()).toEqual([]);
      const log = await logWith(proxy, [world.hub.registryUrl, world.hub.apiUrl].map(portOf));
      const ports = new Set([...log.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port));
      // The registry, its token server, its store of blobs, and its web API.
      ports.delete(portOf(proxy.url).slice(1));
      expect(ports.size).toBe(4);
      expect(log).not.toContain(portOf(world.registry.url));
      expectNoSecret(stdout, stderr);
    });

    test('a login that it refuses is one sentence, which names it', async () => {
      await using proxy = await start();
      await using world = await openSyncWorld();
      await configure(world, proxy.urlWithLogin.replace(SECRET, `${SECRET}x`));
      const { code, stdout, stderr } = await world.wharf.run(['limits', 'docker.io'], trusting());
      expect(stderr).toContain(`is behind the proxy ${proxy.url}, which refuses the login`);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(code).toBeGreaterThan(0);
      expectNoSecret(stdout, stderr);
    });
  });

  test('what is printed of the configuration has no login of a proxy', async () => {
    await using wharf = await openWharf();
    const proxy = `socks5://ada:${SECRET}@127.0.0.1:1080`;
    await wharf.configure(JSON.stringify({ upstreams: { 'docker.io': { proxy } } }));
    const checked = await wharf.run(['config', 'check']);
    expect(checked.code).toBe(0);
    expectNoSecret(checked.stdout, checked.stderr);
    await wharf.configure(JSON.stringify({ upstreams: { 'docker.io': { proxy: `${proxy}/wrong` } } }));
    const { code, stderr } = await wharf.run(['config', 'check']);
    expect(stderr).toContain('expected a proxy such as http://127.0.0.1:7890 or socks5://127.0.0.1:7891, or direct');
    expect(code).toBe(2);
    expectNoSecret(stderr);
  });

  test('a proxy that is not there is one sentence, which names it', async () => {
    await using world = await openSyncWorld();
    const proxy = `http://127.0.0.1:${await freePort()}`;
    await configure(world, proxy.replace('//', `//ada:${SECRET}@`));
    const { code, stderr } = await world.wharf.run(['limits', 'docker.io']);
    expect(stderr).toContain(`is behind the proxy ${proxy}, which refused the connection`);
    expect(code).toBeGreaterThan(0);
    expectNoSecret(stderr);
  });

  test('a target, and an upstream of wharf serve, are reached by a name that only the proxy knows', async () => {
    await using proxy = await startSquid({ hosts: ['registry.test'] });
    await using registry = await startDockerRegistry({ certificate });
    const url = registry.url.replace('127.0.0.1', 'registry.test');
    await using world = await openSyncWorld();
    const { registryUrl, apiUrl } = world.hub;
    await world.wharf.configure(
      JSON.stringify({
        upstreams: { 'docker.io': { url: registryUrl, hubApi: apiUrl } },
        sync: [
          {
            name: 'hello',
            catalog: { images: ['hello-world:latest'] },
            to: { url, ca: authority.file, proxy: proxy.urlWithLogin },
          },
        ],
      }),
    );
    const synced = await world.wharf.run(['sync', 'hello']);
    expect(synced.stderr).not.toMatch(/fail/);
    expect(synced.code).toBe(0);
    await logWith(proxy, [`CONNECT registry.test${portOf(url)}`]);

    await using wharf = await openWharf();
    const upstream = { url, ca: authority.file };
    await wharf.configure(JSON.stringify({ upstreams: { 'reg.test': upstream }, defaultUpstream: 'reg.test' }));
    const host = `127.0.0.1:${await freePort()}`;
    // By the rules of Go the upper case counts.
    const env = {
      HTTPS_PROXY: proxy.urlWithLogin,
      https_proxy: 'http://127.0.0.1:1',
      NO_PROXY: '10.0.0.0/8,.other.test',
    };
    await using server = await wharf.start(['serve', '--listen', host, '--admin', 'off'], env);
    await server.firstLine;
    const owned = await rawBySkopeo(`${registry.host}/library/hello-world:latest`);
    expect(digestOf(await rawBySkopeo(`${host}/library/hello-world:latest`))).toBe(digestOf(owned));
    await copyBySkopeo(`${host}/library/hello-world:latest`, `${world.registry.host}/pulled/hello-world:latest`);
    server.kill('SIGTERM');
    const { stdout, stderr } = await server.exited;
    expectNoSecret(stdout, stderr);
  });

  describe('wharf catalog, whose repository git fetches by a name that only the proxy knows', () => {
    const catalog = (url: string) => [
      'catalog',
      '--catalog',
      `official-images:${url}/library.git`,
      '--format',
      'names',
    ];

    test('through squid, by https', async () => {
      await using proxy = await startSquid({ hosts: ['git.test'] });
      await using server = await startGitServer({ certificate });
      await using wharf = await openWharf();
      await wharf.configure('data: ./data\n');
      const url = `https://git.test:${server.port}`;
      const env = { ...trusting(), HTTPS_PROXY: proxy.urlWithLogin };
      const listed = await wharf.run(catalog(url), env);
      expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hello-world$/m) });
      await logWith(proxy, [`CONNECT git.test:${server.port}`]);
      expectNoSecret(listed.stdout, listed.stderr);

      await using elsewhere = await openWharf();
      await elsewhere.configure('data: ./data\n');
      const refused = await elsewhere.run(catalog(url), { ...env, HTTPS_PROXY: proxy.url });
      expect(refused.stderr).toMatch(/could not be fetched.*407/);
      const direct = await elsewhere.run(catalog(url), { ...env, NO_PROXY: 'git.test' });
      expect(direct.stderr).toMatch(/could not be fetched.*[Rr]esolve host/);
    });

    test.each(['http', 'socks5'] as const)('through a proxy that speaks %s, by http', async (kind) => {
      await using proxy = await startProxyDouble({ kind, login: PROXY_LOGIN });
      await using server = await startGitServer();
      await using wharf = await openWharf();
      const address = proxy.url.replace('//', `//${PROXY_LOGIN.username}:${SECRET}@`);
      // git would prefer the last one.
      const env = { HTTP_PROXY: address, ALL_PROXY: 'http://127.0.0.1:1' };
      const listed = await wharf.run(catalog(`http://git.test:${server.port}`), env);
      expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hello-world$/m) });
      expect(new Set(proxy.targets)).toEqual(new Set([`git.test:${server.port}`]));
    });
  });
});

async function configure({ hub, wharf }: SyncWorld, proxy: string): Promise<void> {
  const { registryUrl: url, apiUrl: hubApi } = hub;
  await wharf.configure(JSON.stringify({ upstreams: { 'docker.io': { url, hubApi, proxy } }, data: './data' }));
}

/** Proxies write when a connection ends, and not at once. */
async function logWith(proxy: ProxyProcess, texts: readonly string[]): Promise<string> {
  await until(async () => {
    const log = await proxy.log();
    return texts.every((text) => log.includes(text));
  });
  return await proxy.log();
}

function portOf(url: string): string {
  return `:${new URL(url).port}`;
}

function expectNoSecret(...texts: readonly string[]): void {
  for (const text of texts) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(ENCODED_SECRET);
  }
}
