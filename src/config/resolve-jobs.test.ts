import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

const parse = (job: string, upstreams = '{}') =>
  parseConfig(`upstreams: { docker.io: ${upstreams} }\nsync: [{ name: a, ${job} }]`, {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (file) => `/etc/${file}`,
    readSecret: () => '',
  }).sync[0];

function problemOf(job: string, upstreams?: string): string {
  try {
    parse(job, upstreams);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

test('several catalogs are a union of them', () => {
  expect(parse('catalog: [{ hub: { namespace: team } }, { file: images.list }, { images: [nginx] }]')?.catalog).toEqual(
    {
      kind: 'union',
      catalogs: [
        { kind: 'hub', namespace: 'team' },
        { kind: 'file', file: '/etc/images.list' },
        { kind: 'images', images: ['nginx'] },
      ],
    },
  );
  expect(problemOf('catalog: []')).toContain('expected at least one catalog');
});

test('each hub catalog of a union needs a web API', () => {
  const job = 'from: quay.io, catalog: [{ images: [quay.io/a/b:1] }, { hub: { namespace: team } }]';
  expect(problemOf(job)).toContain('at sync[0].catalog[1].hub: the upstream quay.io has no hubApi');
});

test.each([
  ['https://quay.io', 'quay.io'],
  ['http://old:5000', 'old:5000'],
  ['https://registry-1.docker.io', 'docker.io'],
])('what the registry %s lists is copied from %s', (url, from) => {
  expect(parse(`catalog: { registry: { url: "${url}" } }`)?.from).toBe(from);
});

test('what a registry lists can be copied from an upstream that is named', () => {
  expect(parse('from: docker.io, catalog: { registry: { url: "http://old:5000" } }')?.from).toBe('docker.io');
});

test('catalogs of several registries need to be told which one their names are of', () => {
  const two = 'catalog: [{ registry: { url: "http://one:5000" } }, { registry: { url: "http://two:5000" } }]';
  const mixed = 'catalog: [{ registry: { url: "http://one:5000" } }, { images: [nginx] }]';
  for (const job of [two, mixed]) expect(problemOf(job)).toContain('say which one the names are of');
  expect(parse(`from: docker.io, ${mixed}`)?.from).toBe('docker.io');
});

test('a selection may go by expressions, versions, number and age', () => {
  const job = parse(
    'catalog: { images: [nginx] }, include: ["/^nginx:1/", "redis"], latestPatch: true, newest: 3, minAge: 7d, maxAge: 90d, semver: { nginx: "~1.27" }',
  );
  expect(job).toMatchObject({
    include: { patterns: ['/^nginx:1/', 'redis'] },
    latestPatch: true,
    newest: 3,
    minAgeMs: 7 * 86_400_000,
    maxAgeMs: 90 * 86_400_000,
  });
  expect(job?.semver.byName).toEqual(new Map([['nginx', '~1.27']]));
});

test('without a word on age there is no bound', () => {
  expect(parse('catalog: { images: [nginx] }')).toMatchObject({ latestPatch: false, minAgeMs: 0, maxAgeMs: Infinity });
});

test('an age that nothing can have is an error', () => {
  expect(problemOf('catalog: { images: [nginx] }, minAge: 30d, maxAge: 7d')).toContain('at sync[0].maxAge: nothing is');
});
