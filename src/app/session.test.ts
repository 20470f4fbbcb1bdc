import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { startRegistry } from '../../test/support/registry/registry.ts';
import { recordRequests } from '../../test/support/origin/record-requests.ts';
import type { Config, EndpointConfig } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import type { Credentials } from '../remote/credentials.ts';
import { Session } from './session.ts';

function configOf(text = ''): Config {
  const readSecret = () => '';
  return parseConfig(text, { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret });
}

const noLogins = { find: () => Promise.resolve(undefined) };

function endpointAt(url: string, more: Partial<EndpointConfig> = {}): EndpointConfig {
  return { url, realms: [], insecure: false, ...more };
}

describe('an upstream', () => {
  test('is one object however often it is asked for', async () => {
    await using session = new Session({ config: configOf(), credentials: noLogins });
    expect(session.upstream('docker.io')).toBe(session.upstream('docker.io'));
  });

  test('that is not configured is refused with those that are', async () => {
    await using session = new Session({ config: configOf('upstreams: { quay.io: off }'), credentials: noLogins });
    expect(() => session.upstream('quay.io')).toThrow(
      '"quay.io" is not a configured upstream; there are docker.io, ghcr.io, gcr.io, registry.k8s.io, mcr.microsoft.com',
    );
  });
});

describe('a login', () => {
  const ADA: Credentials = { username: 'ada', password: 'secret' };
  const basic = `Basic ${btoa('ada:secret')}`;

  /** What the registry was told, when the store has ADA for its host. */
  async function toldTo(credentials: EndpointConfig['credentials']) {
    await using registry = await startRegistry({ login: { username: 'ada', password: 'secret', scheme: 'basic' } });
    const seen = recordRequests(registry);
    const asked: string[] = [];
    const find = async (host: string) => {
      asked.push(host);
      return ADA;
    };
    await using session = new Session({ config: configOf(), credentials: { find } });
    const remote = session.registry(endpointAt(registry.url, credentials === undefined ? {} : { credentials }));
    const outcome = await remote.checkLogin().then(
      () => 'let in',
      (error: unknown) => (error as { code: string }).code,
    );
    const told = seen.flatMap(({ headers }) => headers.authorization ?? []);
    return { outcome, told, asked: asked.map((host) => host === new URL(registry.url).host) };
  }

  test('is looked for by the host and port that will see it', async () => {
    expect(await toldTo(undefined)).toEqual({ outcome: 'let in', told: [basic], asked: [true] });
  });

  test('of the configuration comes first, and the store is not asked', async () => {
    const { outcome, asked } = await toldTo({ username: 'ada', password: 'secret' });
    expect([outcome, asked]).toEqual(['let in', []]);
  });

  test('of a command comes from running it', async () => {
    const exec = ['sh', '-c', 'echo secret'] as const;
    expect((await toldTo({ exec, username: 'ada', lifetimeMs: 0 })).outcome).toBe('let in');
  });

  test('is none where the configuration says so', async () => {
    expect(await toldTo('anonymous')).toEqual({ outcome: 'UNAUTHORIZED', told: [], asked: [] });
  });
});

test('certificates that cannot be read are named', async () => {
  await using session = new Session({ config: configOf(), credentials: noLogins });
  expect(() => session.registry(endpointAt('https://reg.example.com', { caFile: '/nowhere/ca.pem' }))).toThrow(
    'the certificates in /nowhere/ca.pem cannot be read: ENOENT',
  );
});

test('a target takes its template and its name from the configuration', async () => {
  await using session = new Session({ config: configOf(), credentials: noLogins });
  const config = {
    kind: 'registry',
    endpoint: endpointAt('https://reg.example.com:5000'),
    repository: 'a/',
    createProjects: false,
  } as const;
  const target = await session.target(config, { name: 'job', from: 'docker.io' });
  expect([target.name, target.template]).toEqual(['reg.example.com:5000', 'a/']);
});

test('a target in the store keeps the names of the default upstream, and puts those of others behind its name', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wharf-store-'));
  try {
    await using session = new Session({ config: { ...configOf(), dataFolder: folder }, credentials: noLogins });
    const templateOf = async (from: string) =>
      (await session.target({ kind: 'store' }, { name: 'job', from })).template;
    expect(await templateOf('docker.io')).toBe('{repository}');
    expect(await templateOf('ghcr.io')).toBe('ghcr.io/{repository}');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
