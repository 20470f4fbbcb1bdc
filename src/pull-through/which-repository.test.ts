// The table of product.md, "Which repository does a request mean?", as clients write their requests.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRepositoryName } from '../oci/reference.ts';
import { type Claims, RepositoryNames, canBeOnDockerHub, isMeant } from './which-repository.ts';

const UPSTREAMS = [
  { name: 'docker.io', hosts: ['docker.mirror.example'] },
  { name: 'ghcr.io', path: 'gh', hosts: ['ghcr.mirror.example', ':5002'] },
  { name: 'registry.k8s.io', hosts: [] },
  { name: 'registry.lan:5000', path: 'lan', hosts: [] },
];
const SERVER_NAMES = ['mirror.example'];
const names = new RepositoryNames({ upstreams: UPSTREAMS, defaultUpstream: 'docker.io', serverNames: SERVER_NAMES });

function meaning(path: string, claims: Claims = {}, of = names): string {
  const meant = of.meant(parseRepositoryName(path), claims);
  return isMeant(meant) ? `${meant.upstream} ${meant.name}` : meant.reason;
}

interface Case {
  readonly who: string;
  readonly path: string;
  readonly claims?: Claims;
  readonly means: string;
}

const CASES: readonly Case[] = [
  { who: 'dockerd as registry-mirrors, graphdriver store', path: 'library/nginx', means: 'docker.io library/nginx' },
  {
    who: 'dockerd, containerd store',
    path: 'library/nginx',
    claims: { ns: 'docker.io' },
    means: 'docker.io library/nginx',
  },
  { who: 'docker pull mirror/nginx', path: 'nginx', means: 'docker.io library/nginx' },
  { who: 'docker pull mirror/jenkins/slave', path: 'jenkins/slave', means: 'docker.io jenkins/slave' },
  { who: 'docker pull mirror/ghcr.io/o/app', path: 'ghcr.io/o/app', means: 'ghcr.io o/app' },
  { who: 'containerd, hosts.toml of ghcr.io', path: 'o/app', claims: { ns: 'ghcr.io' }, means: 'ghcr.io o/app' },
  {
    who: 'containerd with override_path and /v2/ghcr.io',
    path: 'ghcr.io/o/app',
    claims: { ns: 'ghcr.io' },
    means: 'ghcr.io o/app',
  },
  {
    who: 'containerd without override_path and a path, which has /v2 appended',
    path: 'o/app',
    claims: { prefix: 'ghcr.io', ns: 'ghcr.io' },
    means: 'ghcr.io o/app',
  },
  { who: 'containerd _default', path: 'pause', claims: { ns: 'registry.k8s.io' }, means: 'registry.k8s.io pause' },
  { who: 'k3s with a rewrite', path: 'ghcr.io/o/app', claims: { ns: 'ghcr.io' }, means: 'ghcr.io o/app' },
  {
    who: 'containerd for an image of the mirror itself',
    path: 'nginx',
    claims: { ns: 'mirror.example' },
    means: 'docker.io library/nginx',
  },
  { who: 'podman with location mirror/docker.io', path: 'docker.io/library/nginx', means: 'docker.io library/nginx' },
  { who: 'somebody who types docker.io/nginx', path: 'docker.io/nginx', means: 'docker.io library/nginx' },
  {
    who: 'BuildKit with the mirror mirror/ghcr.io',
    path: 'ghcr.io/o/app',
    claims: { ns: 'ghcr.io' },
    means: 'ghcr.io o/app',
  },
  { who: 'a prefix before /v2', path: 'o/app', claims: { prefix: 'ghcr.io' }, means: 'ghcr.io o/app' },
  {
    who: 'a prefix before and behind /v2',
    path: 'ghcr.io/o/app',
    claims: { prefix: 'ghcr.io' },
    means: 'ghcr.io o/app',
  },
  { who: 'an alias', path: 'gh/o/app', means: 'ghcr.io o/app' },
  { who: 'an alias before /v2, and the name', path: 'ghcr.io/o/app', claims: { prefix: 'gh' }, means: 'ghcr.io o/app' },
  { who: 'an alias of an upstream with a port', path: 'lan/team/app', means: 'registry.lan:5000 team/app' },
  { who: 'ns with a port', path: 'team/app', claims: { ns: 'registry.lan:5000' }, means: 'registry.lan:5000 team/app' },
  {
    who: 'nginx in front, a name an upstream',
    path: 'o/app',
    claims: { host: 'ghcr.mirror.example' },
    means: 'ghcr.io o/app',
  },
  { who: 'the same with a port', path: 'o/app', claims: { host: 'GHCR.mirror.example:443' }, means: 'ghcr.io o/app' },
  { who: 'a port an upstream, in Host', path: 'o/app', claims: { host: '10.0.0.1:5002' }, means: 'ghcr.io o/app' },
  {
    who: 'a port an upstream, as it came in',
    path: 'o/app',
    claims: { host: '10.0.0.1', port: 5002 },
    means: 'ghcr.io o/app',
  },
  { who: 'an IPv6 literal without a port', path: 'o/app', claims: { host: '[::5002]' }, means: 'docker.io o/app' },
  {
    who: 'a host and the same ns',
    path: 'o/app',
    claims: { host: 'ghcr.mirror.example', ns: 'ghcr.io' },
    means: 'ghcr.io o/app',
  },
  {
    who: 'a host and a prefix that repeats it',
    path: 'ghcr.io/o/app',
    claims: { host: 'ghcr.mirror.example' },
    means: 'ghcr.io o/app',
  },
  {
    who: "docker.io's host",
    path: 'nginx',
    claims: { host: 'docker.mirror.example' },
    means: 'docker.io library/nginx',
  },
  {
    who: "docker.io by its registry's name",
    path: 'library/nginx',
    claims: { ns: 'registry-1.docker.io' },
    means: 'docker.io library/nginx',
  },
  {
    who: 'a single component of another upstream',
    path: 'pause',
    claims: { ns: 'registry.k8s.io' },
    means: 'registry.k8s.io pause',
  },
  { who: 'a repository that is called like an upstream', path: 'gh', means: 'docker.io library/gh' },
  { who: 'ns in capitals', path: 'o/app', claims: { ns: 'GHCR.IO' }, means: 'ghcr.io o/app' },
];

test.each(CASES)('$who: $path means $means', ({ path, claims, means }) => {
  expect(meaning(path, claims)).toBe(means);
});

describe('nothing is meant, and nobody is asked,', () => {
  test.each<[string, string, Claims, RegExp]>([
    [
      'where two upstreams are named',
      'ghcr.io/o/app',
      { ns: 'docker.io' },
      /ghcr\.io.*docker\.io|docker\.io.*ghcr\.io/,
    ],
    ['where host and prefix differ', 'o/app', { host: 'ghcr.mirror.example', prefix: 'docker.io' }, /at once/],
    ['where host and path differ', 'docker.io/library/x', { host: 'ghcr.mirror.example' }, /at once/],
    ['where ns is not configured', 'o/app', { ns: 'evil.example' }, /"evil\.example" is no upstream/],
    ['where ns is empty', 'o/app', { ns: '' }, /is no upstream/],
    ['where ns is an address of the inside', 'o/app', { ns: '169.254.169.254' }, /is no upstream/],
    ['where ns is a URL', 'o/app', { ns: 'https://ghcr.io' }, /is no upstream/],
    ['where what stands before /v2 is not configured', 'o/app', { prefix: 'evil.example' }, /is no upstream/],
    ['where an upstream that was switched off is named', 'o/app', { ns: 'quay.io' }, /is no upstream/],
  ])('%s', (_, path, claims, reason) => {
    expect(meaning(path, claims)).toMatch(reason);
  });
});

test('without a default upstream, a request that claims none means a repository of our own, as it is written', () => {
  const plain = new RepositoryNames({ upstreams: [], defaultUpstream: undefined, serverNames: [] });
  expect(meaning('nginx', {}, plain)).toBe('undefined nginx');
  expect(meaning('team/app', { host: 'anything:5000' }, plain)).toBe('undefined team/app');
  expect(meaning('team/app', { ns: 'docker.io' }, plain)).toMatch(/is no upstream/);
});

test('the default upstream keeps the names that it has, and others are told apart by theirs', () => {
  const stored = (path: string) => {
    const meant = names.meant(parseRepositoryName(path), {});
    return isMeant(meant) && meant.stored;
  };
  expect(stored('nginx')).toBe('library/nginx');
  expect(stored('ghcr.io/o/app')).toBe('ghcr.io/o/app');
  expect(stored('lan/team/app')).toBe('registry.lan_5000/team/app');
  expect(stored(`ghcr.io/${'a'.repeat(247)}`)).toBe(`ghcr.io/${'a'.repeat(247)}`);
});

test('a name that would be too long in our store means nothing', () => {
  const path = parseRepositoryName('a'.repeat(250));
  expect(names.meant(path, { ns: 'ghcr.io' })).toEqual({ reason: expect.stringContaining('too long') });
});

test('docker.io has no repository whose first component is the name of a registry', () => {
  expect(canBeOnDockerHub(parseRepositoryName('library/nginx'))).toBe(true);
  expect(canBeOnDockerHub(parseRepositoryName('a/b/c'))).toBe(true);
  expect(canBeOnDockerHub(parseRepositoryName('quay.example/o/app'))).toBe(false);
  expect(canBeOnDockerHub(parseRepositoryName('localhost/app'))).toBe(false);
});

const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const claim = fc.constantFrom('docker.io', 'ghcr.io', 'gh', 'evil.example', 'mirror.example', undefined);

test('however it is asked, only configured upstreams are ever meant, and two stored names are never one', () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(
      fc.array(component, { minLength: 1, maxLength: 3 }),
      claim,
      claim,
      claim,
      (parts, ns, prefix, first) => {
        const path = parseRepositoryName([...(first === undefined ? [] : [first]), ...parts].join('/'));
        const meant = names.meant(path, { ns, prefix });
        if (!isMeant(meant)) return;
        expect(UPSTREAMS.map(({ name }) => name)).toContain(meant.upstream);
        const canonical = `${meant.upstream} ${meant.name}`;
        expect(seen.get(meant.stored) ?? canonical).toBe(canonical);
        seen.set(meant.stored, canonical);
      },
    ),
  );
});
