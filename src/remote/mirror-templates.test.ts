// How mirrors of docker.io that people have are written in wharf.yaml, and where that leads: the table of docs/config.md.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { scriptedSend } from '../../test/support/client/scripted-send.ts';
import type { MirrorConfig } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { digestOf } from '../oci/digest.ts';
import { parsePattern } from '../oci/pattern.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { Mirror } from './mirror.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';

const DIGEST = digestOf('a manifest');

const MIRRORS: readonly (readonly [what: string, yaml: string, nginx: string])[] = [
  [
    'a proxy project of Harbor',
    '{ url: https://harbor.example.com, repository: "dockerhub/{repository}" }',
    'https://harbor.example.com/v2/dockerhub/library/nginx/',
  ],
  [
    'Nexus, by the path of a repository',
    '{ url: https://nexus.example.com/repository/docker-proxy }',
    'https://nexus.example.com/repository/docker-proxy/v2/library/nginx/',
  ],
  [
    'Nexus, with path-based routing',
    '{ url: https://nexus.example.com, repository: "docker-proxy/{repository}" }',
    'https://nexus.example.com/v2/docker-proxy/library/nginx/',
  ],
  [
    'Amazon ECR Public, official images only',
    '{ url: https://public.ecr.aws, repository: "docker/{repository}", repositories: ["library/**"], for: [manifests] }',
    'https://public.ecr.aws/v2/docker/library/nginx/',
  ],
  [
    'DaoCloud',
    '{ url: https://m.daocloud.io, repository: "{upstream}/{repository}" }',
    'https://m.daocloud.io/v2/docker.io/library/nginx/',
  ],
  ['Google', '{ url: https://mirror.gcr.io }', 'https://mirror.gcr.io/v2/library/nginx/'],
];

test.each(MIRRORS)('%s is written %s and asked at %s', async (_what, yaml, nginx) => {
  const { mirror, requests } = mirrorOf(yaml);
  const repository = mirror.repository('docker.io', parseRepositoryName('library/nginx'));
  await expect(repository?.manifest(DIGEST)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  await expect(repository?.blob(DIGEST)).rejects.toThrow();
  const asked = requests.map(({ url }) => url.href).filter((url) => !url.endsWith('/v2/'));
  expect(asked).toEqual([`${nginx}manifests/${DIGEST}`, `${nginx}blobs/${DIGEST}`]);
});

test('Amazon ECR Public is asked about manifests of official images, and about nothing else', () => {
  const ecr = MIRRORS.find(([, , url]) => url.includes('public.ecr.aws'));
  const { mirror } = mirrorOf(ecr?.[1] ?? '');
  expect(mirror.repository('docker.io', parseRepositoryName('grafana/grafana'))).toBeUndefined();
  expect([mirror.isFor('manifests'), mirror.isFor('blobs')]).toEqual([true, false]);
});

test('docs/config.md has the same table', () => {
  const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
  const section = /^## Mirrors\n.*?^## /ms.exec(page)?.[0] ?? '';
  const rows = [...section.matchAll(/^\| (.+) \| `(.+)` \| (https:.+) \|$/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(MIRRORS);
});

function mirrorOf(yaml: string) {
  const config = mirrorConfigOf(yaml);
  const { send, requests } = scriptedSend(() => ({ status: 404 }));
  const network = new Network({ send, clock: new FakeClock() });
  const registry = new RemoteRegistry({ name: config.url, url: new URL(config.url), network });
  const { repository: template, repositories, for: content } = config;
  const mirror = new Mirror({ registry, template, repositories: repositories.map(parsePattern), for: content });
  return { mirror, requests };
}

function mirrorConfigOf(yaml: string): MirrorConfig {
  const text = `upstreams: { docker.io: { mirrors: [${yaml}] } }`;
  const config = parseConfig(text, { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret: () => '' });
  const mirror = config.upstreams.get('docker.io')?.mirrors[0];
  if (mirror === undefined) throw new Error(`there is no mirror in ${yaml}`);
  return mirror;
}
