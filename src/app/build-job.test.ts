import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import type { CatalogConfig } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { UsageError } from '../oci/usage-error.ts';
import { buildCatalog, buildJob, buildSelection } from './build-job.ts';
import { Session } from './session.ts';

const ADA = { username: 'ada', password: 'canary-password' };
const HUB: CatalogConfig = { kind: 'hub', namespace: 'library' };
let folder: string;
let hub: Hub;
/** What the web API was asked. */
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-build-job-'));
  hub = await startHub({ images: [catalogImage('nginx', ['1.27', '1'])], accounts: [ADA], oldTagsPerRepository: 0 });
  asked = [];
  hub.faults.add({
    when: { origin: 'api' },
    action: (request, next) => {
      asked.push(`${request.method} ${request.path} ${request.headers.authorization ?? ''}`.trim());
      return next(request);
    },
  });
});

afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function openSession(settings: object = {}, more: object = {}): Session {
  const upstream = { url: hub.registryUrl, hubApi: hub.apiUrl, ...settings };
  const config = parseConfig(JSON.stringify({ data: folder, upstreams: { 'docker.io': upstream }, ...more }), {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (file) => file,
    readSecret: () => '',
  });
  return new Session({ config, credentials: { find: () => Promise.resolve(ADA) } });
}

describe('the login of an upstream', () => {
  test('is not told to a web API at another origin, whether it is configured or stored', async () => {
    for (const settings of [{}, { credentials: ADA }, { realms: ['https://hub.docker.com'] }]) {
      await using session = openSession(settings);
      expect((await buildCatalog(HUB, 'docker.io', session).list()).images).toHaveLength(1);
    }
    expect(asked.filter((line) => !line.startsWith('GET ') || line.includes('Bearer'))).toEqual([]);
    expect(asked.length).toBeGreaterThan(0);
  });

  test('is told to one that is listed under its realms', async () => {
    await using session = openSession({ realms: [`${hub.apiUrl}/`] });
    await buildCatalog(HUB, 'docker.io', session).list();
    expect(asked[0]).toBe('POST /v2/auth/token');
  });

  test('is told to nobody where it is switched off', async () => {
    await using session = openSession({ realms: [hub.apiUrl], credentials: {} });
    await buildCatalog(HUB, 'docker.io', session).list();
    expect(asked.filter((line) => line.startsWith('POST'))).toEqual([]);
  });
});

describe('tags of a name without one', () => {
  const nginx: CatalogConfig = { kind: 'images', images: ['nginx'] };

  test('are listed by the web API, which knows what they mean', async () => {
    await using session = openSession();
    const { images } = await buildCatalog(nginx, 'docker.io', session).list();
    expect(images).toMatchObject([{ tags: ['1', '1.27'], updatedAtMs: expect.any(Number) }]);
  });

  test('are listed by the registry where there is no web API, or it is broken', async () => {
    for (const hubApi of ['off', `${hub.apiUrl}/nowhere`]) {
      await using session = openSession({ hubApi, credentials: {} });
      const { images, problems } = await buildCatalog(nginx, 'docker.io', session).list();
      expect(problems).toEqual([]);
      expect(images.map(({ tags }) => tags.join())).toEqual(['1', '1.27']);
    }
  });
});

describe('a choice by age', () => {
  const settings = {
    include: { patterns: [], files: [] },
    exclude: { patterns: [], files: [] },
    platforms: 'all' as const,
  };

  test('asks the web API when tags were moved, of what is chosen otherwise', async () => {
    await using session = openSession();
    const selection = await buildSelection({ ...settings, maxAgeMs: 1e15 });
    const images: CatalogConfig = { kind: 'images', images: ['nginx:1.27', 'nginx:not-yet'] };
    const listed = (await buildCatalog(images, 'docker.io', session, selection).list()).images;
    expect(listed.map(({ updatedAtMs }) => typeof updatedAtMs)).toEqual(['number', 'undefined']);
    asked.length = 0;
    const none = {
      ...selection,
      include: (await buildSelection({ ...settings, include: { patterns: ['redis'], files: [] } })).include,
    };
    await buildCatalog(images, 'docker.io', session, none).list();
    expect(asked).toEqual([]);
  });

  test('is refused where nobody knows the age', async () => {
    await using session = openSession({ hubApi: 'off' });
    const selection = await buildSelection({ ...settings, minAgeMs: 1 });
    expect(() => buildCatalog({ kind: 'images', images: ['nginx:1'] }, 'docker.io', session, selection)).toThrow(
      UsageError,
    );
  });
});

test('a job of a registry that is no upstream copies from there', async () => {
  await using registry = await startRegistry();
  const job = { name: 'old', catalog: { registry: { url: registry.url } }, to: registry.url };
  await using session = openSession({}, { sync: [job] });
  const [config] = session.config.sync;
  if (config === undefined) throw new Error('there is a job');
  const { upstream } = await buildJob(config, session);
  expect([upstream.name, upstream.registry.url.origin]).toEqual([new URL(registry.url).host, registry.url]);
});

test('an expression, a range and a name in a selection are checked', async () => {
  const settings = {
    include: { patterns: [], files: [] },
    exclude: { patterns: [], files: [] },
    platforms: 'all' as const,
  };
  const wrong = [
    { ...settings, include: { patterns: ['/(/'], files: [] } },
    { ...settings, semver: { range: 'new', byName: new Map() } },
    { ...settings, semver: { byName: new Map([['a b', '1']]) } },
  ];
  for (const one of wrong) await expect(buildSelection(one)).rejects.toThrow(UsageError);
});
