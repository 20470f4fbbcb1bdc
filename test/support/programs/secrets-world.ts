// A configuration that holds every kind of secret there is, each another one, and servers that repeat what they are sent.
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
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

/** What the servers that repeat are there. */
const ECHOES = ['bearer', 'basic', 'stored', 'mirror', 'proxy', 'hook', 'target'] as const;
/** Upstreams behind them; the last two by the proxy. */
export const ECHOING_UPSTREAMS = ['bearer', 'basic', 'stored', 'proxied', 'env-proxied'] as const;
/** Where secrets belong. */
const PLANTED: readonly string[] = [
  'wharf.yaml',
  'mirror-password',
  'exec-password',
  'hook-secret',
  '.docker/config.json',
  'server.key',
  'one.key',
];

export interface SecretsWorld extends AsyncDisposable {
  readonly canaries: Canaries;
  readonly wharf: Wharf;
  readonly echoes: Echoes;
  /** Of the account ann. */
  readonly password: string;
  /** Of commands. */
  readonly environment: Readonly<Record<string, string>>;
  /** What wharf.yaml holds, for tests that spoil it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of a file of the run's folder, whether it is one that secrets were planted in. */
  readonly isMeant: (file: string) => boolean;
}

type Echoes = Readonly<Record<(typeof ECHOES)[number], EchoServer>>;

export async function openSecretsWorld(): Promise<SecretsWorld> {
  await using opened = new AsyncDisposableStack();
  const canaries = new Canaries();
  const wharf = opened.use(await openWharf());
  const asked = () => canaries.look();
  const servers: Partial<Record<keyof Echoes, EchoServer>> = {};
  for (const name of ECHOES) {
    const token = name === 'bearer' ? canaries.plantToken('upstream-token') : undefined;
    servers[name] = opened.use(await startEchoServer({ asked, token }));
  }
  const echoes = servers as Echoes;

  const login = (name: string) => ({ username: name, password: canaries.plant(`${name}-password`) });
  const inUrl = (url: string, { username, password }: ReturnType<typeof login>) =>
    url.replace('//', `//${username}:${encodeURIComponent(password)}@`);
  const hubLogin = login('hub');
  const hub = opened.use(await startHub({ images: await libraryImages(SMALL_LIBRARY), accounts: [hubLogin] }));
  const targetLogin = login('target');
  const registry = opened.use(await startRegistry({ login: { ...targetLogin, scheme: 'bearer' } }));
  const git = login('git');
  const gitServer = opened.use(await startGitServer({ login: `git:${git.password}`, asked }));
  const password = canaries.plant('account-password');
  await writeSecrets(wharf.folder, canaries, { password, storedFor: echoes.stored.host });

  const library = { repository: inUrl(`http://127.0.0.1:${gitServer.port}/library.git`, git) };
  const target = { url: registry.url, credentials: targetLogin };
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
        mirrors: [{ url: echoes.mirror.url, credentials: { username: 'mirror', passwordFile: 'mirror-password' } }],
      },
      'bearer.test': { url: echoes.bearer.url, credentials: login('bearer') },
      'basic.test': { url: echoes.basic.url, credentials: { username: 'exec', exec: ['./print-password'] } },
      'stored.test': { url: echoes.stored.url },
      'proxied.test': { url: 'https://proxied.test', proxy: inUrl(echoes.proxy.url, login('proxy')) },
      'env-proxied.test': { url: 'https://env-proxied.test' },
    },
    sync: [
      { name: 'library', catalog: { officialImages: library }, include: ['nginx:1.29'], to: target },
      {
        name: 'refused',
        catalog: { images: ['nginx:1.29'] },
        to: { url: echoes.target.url, credentials: login('refused-target') },
      },
      ...ECHOING_UPSTREAMS.map((name) => ({
        name,
        from: `${name}.test`,
        catalog: { images: [`${name}.test/team/app:1`] },
        to: target,
      })),
    ],
    notify: [
      { url: `${echoes.hook.url}/${canaries.plantToken('hook-url')}`, secretFile: 'hook-secret' },
      { url: `${echoes.hook.url}/status-500`, secret: canaries.plant('hook-secret') },
    ],
  };
  // YAML takes JSON as it is.
  await wharf.configure(JSON.stringify(settings));
  const environment = {
    HTTPS_PROXY: inUrl(echoes.proxy.url, login('environment-proxy')),
    REGISTRY_PASSWORD: canaries.plant('registry-password'),
  };
  const running = opened.move();
  return {
    canaries,
    wharf,
    echoes,
    password,
    environment,
    settings,
    isMeant: (file) => PLANTED.includes(file),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What is read from files. */
async function writeSecrets(
  folder: string,
  canaries: Canaries,
  { password, storedFor }: { readonly password: string; readonly storedFor: string },
): Promise<void> {
  const at = (file: string) => path.join(folder, file);
  await writeFile(at('htpasswd'), `ann:${hashSync(password, 4).replace(/^\$2b/, '$2y')}\n`);
  await writeFile(at('mirror-password'), `${canaries.plant('mirror-password')}\n`);
  await writeFile(at('hook-secret'), canaries.plant('hook-secret-file'));
  await writeFile(at('exec-password'), canaries.plant('exec-password'));
  await writeFile(at('print-password'), '#!/bin/sh\ncat exec-password\n');
  await chmod(at('print-password'), 0o700);
  await mkdir(at('.docker'));
  const auth = Buffer.from(`docker:${canaries.plant('docker-config-password')}`).toString('base64');
  await writeFile(at('.docker/config.json'), JSON.stringify({ auths: { [storedFor]: { auth } } }));
  const authority = await certificateAuthority(folder);
  const certificate = await authority.issue('one', ['127.0.0.1']);
  await copyFile(certificate.file, at('server.crt'));
  await copyFile(certificate.keyFile, at('server.key'));
  const [, keyLine = ''] = (await readFile(certificate.keyFile, 'utf8')).split('\n');
  canaries.add('tls-key', keyLine);
}

export interface TlsAnswer {
  readonly status: number;
  readonly body: string;
  /** With the headers. */
  readonly all: string;
}

/** By TLS, with whatever certificate the server has. */
export async function askByTls(
  url: string,
  { method = 'GET', as, body }: { readonly method?: string; readonly as?: string; readonly body?: string } = {},
): Promise<TlsAnswer> {
  const headers = as === undefined ? {} : { authorization: as };
  const sent = request(url, { method, headers, rejectUnauthorized: false }).end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const received = await text(answer);
  return {
    status: answer.statusCode ?? 0,
    body: received,
    all: `${answer.rawHeaders.join('\n')}\n\n${received}`,
  };
}
