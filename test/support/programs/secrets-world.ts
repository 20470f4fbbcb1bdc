// A configuration that holds every kind of secret there is, each another one, and servers that repeat what they are sent.
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { hashSync } from 'bcryptjs';
import { startHub } from '../hub/hub.ts';
import { libraryImages } from '../hub/library-images.ts';
import { startRegistry } from '../registry/registry.ts';
import { Canaries } from './canaries.ts';
import { certificateAuthority } from './certificates.ts';
import { type EchoServer, startEchoServer } from './echo-server.ts';
import { startGitServer } from './git-server.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import { type Wharf, openWharf } from './wharf.ts';

export interface SecretsWorld extends AsyncDisposable {
  readonly canaries: Canaries;
  readonly wharf: Wharf;
  /** Every server that repeats, by what it is there. */
  readonly echoes: Readonly<Record<string, EchoServer>>;
  readonly targetUrl: string;
  readonly password: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What wharf.yaml holds, for tests that spoil it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of a file of the run's folder, whether it is one of those that the secrets were planted in. */
  readonly isMeant: (file: string) => boolean;
  /** By TLS, with whatever certificate the server has. */
  ask(url: string, more?: { method?: string; as?: string; body?: string }): Promise<Answer>;
}

interface Answer {
  readonly status: number;
  /** Headers and body. */
  readonly all: string;
  readonly body: string;
}

const PLANTED = ['wharf.yaml', 'mirror-password', 'exec-password', 'hook-secret', '.docker/config.json', 'server.key'];

export async function openSecretsWorld(): Promise<SecretsWorld> {
  await using opened = new AsyncDisposableStack();
  const canaries = new Canaries();
  const asked = () => canaries.look();
  const echo = async (token?: string) =>
    opened.use(await startEchoServer({ asked, ...(token !== undefined && { token: canaries.plantToken(token) }) }));
  const [bearer, basic, stored, mirror, proxy, hook, target] = [
    await echo('upstream-token'),
    await echo(),
    await echo(),
    await echo(),
    await echo(),
    await echo(),
    await echo(),
  ];
  const hubLogin = { username: 'hub', password: canaries.plant('hub-password') };
  const hub = opened.use(await startHub({ images: await libraryImages(SMALL_LIBRARY), accounts: [hubLogin] }));
  const targetLogin = { username: 'pusher', password: canaries.plant('target-password') };
  const registry = opened.use(await startRegistry({ login: { ...targetLogin, scheme: 'bearer' } }));
  const gitPassword = canaries.plant('git-password');
  const gitServer = opened.use(await startGitServer({ login: `git:${gitPassword}`, asked }));
  const wharf = opened.use(await openWharf());
  const at = (file: string) => path.join(wharf.folder, file);

  const password = canaries.plant('account-password');
  await writeFile(at('htpasswd'), `ann:${hashSync(password, 4).replace(/^\$2b/, '$2y')}\n`);
  await writeFile(at('mirror-password'), `${canaries.plant('mirror-password')}\n`);
  await writeFile(at('hook-secret'), canaries.plant('hook-secret-file'));
  await writeFile(at('exec-password'), canaries.plant('exec-password'));
  await writeFile(at('print-password'), '#!/bin/sh\ncat exec-password\n');
  await chmod(at('print-password'), 0o700);
  await mkdir(at('.docker'));
  const auth = Buffer.from(`docker:${canaries.plant('docker-config-password')}`).toString('base64');
  await writeFile(at('.docker/config.json'), JSON.stringify({ auths: { [stored.host]: { auth } } }));
  const authority = await certificateAuthority(wharf.folder);
  const certificate = await authority.issue('one', ['127.0.0.1']);
  await copyFile(certificate.file, at('server.crt'));
  await copyFile(certificate.keyFile, at('server.key'));
  const [, keyLine = ''] = (await readFile(certificate.keyFile, 'utf8')).split('\n');
  canaries.add('tls-key', keyLine);

  const withPassword = (name: string) => ({ username: name, password: canaries.plant(`${name}-password`) });
  const proxyUrl = (name: string) =>
    proxy!.url.replace('//', `//${name}:${encodeURIComponent(canaries.plant(`${name}-proxy-password`))}@`);
  const settings = {
    data: './data',
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    hosted: ['team/**'],
    tls: { certificate: 'server.crt', key: 'server.key' },
    accounts: { htpasswd: 'htpasswd' },
    upstreams: {
      'docker.io': {
        url: hub.registryUrl,
        hubApi: hub.apiUrl,
        realms: [hub.tokenUrl],
        credentials: hubLogin,
        mirrors: [{ url: mirror!.url, credentials: { username: 'mirror', passwordFile: 'mirror-password' } }],
      },
      'bearer.test': { url: bearer!.url, credentials: withPassword('bearer') },
      'basic.test': { url: basic!.url, credentials: { username: 'exec', exec: ['./print-password'] } },
      'stored.test': { url: stored!.url },
      'proxied.test': { url: 'https://proxied.test', proxy: proxyUrl('configured') },
      'env-proxied.test': { url: 'https://env-proxied.test' },
    },
    sync: [
      {
        name: 'library',
        catalog: {
          officialImages: {
            repository: `http://git:${encodeURIComponent(gitPassword)}@127.0.0.1:${gitServer.port}/library.git`,
          },
        },
        include: ['nginx:1.29'],
        to: { url: registry.url, credentials: targetLogin },
      },
      {
        name: 'refused',
        catalog: { images: ['nginx:1.29'] },
        to: { url: target!.url, credentials: withPassword('refused-target') },
      },
      ...['bearer', 'basic', 'stored', 'proxied', 'env-proxied'].map((name) => ({
        name,
        from: `${name}.test`,
        catalog: { images: [`${name}.test/team/app:1`] },
        to: { url: registry.url, credentials: targetLogin },
      })),
    ],
    notify: [
      {
        url: `${hook!.url}/${canaries.plantToken('hook-url')}`,
        secretFile: 'hook-secret',
      },
      { url: `${hook!.url}/status-500`, secret: canaries.plant('hook-secret') },
    ],
  };
  // YAML takes JSON as it is.
  await wharf.configure(JSON.stringify(settings));
  const environment = { HTTPS_PROXY: proxyUrl('environment'), REGISTRY_PASSWORD: canaries.plant('registry-password') };
  const running = opened.move();
  return {
    canaries,
    wharf,
    echoes: { bearer: bearer!, basic: basic!, stored: stored!, mirror: mirror!, proxy: proxy!, target: target! },
    targetUrl: registry.url,
    password,
    environment,
    settings,
    isMeant: (file) => PLANTED.includes(file) || file === 'one.key',
    async ask(url, { method = 'GET', as, body } = {}) {
      const headers = as === undefined ? {} : { authorization: as };
      const sent = request(url, { method, headers, rejectUnauthorized: false }).end(body);
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      const received = await text(answer);
      const all = `${answer.rawHeaders.join('\n')}\n\n${received}`;
      return { status: answer.statusCode ?? 0, all, body: received };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
