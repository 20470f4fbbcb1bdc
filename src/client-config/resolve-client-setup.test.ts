import { describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { CLIENTS } from './clients.ts';
import { type ClientSetupRequest, resolveClientSetup } from './resolve-client-setup.ts';

const HUB = { name: 'docker.io', url: 'https://registry-1.docker.io', hosts: [] };
const GITHUB = { name: 'ghcr.io', url: 'https://ghcr.io', hosts: [] };

function endpoints(request: Partial<ClientSetupRequest>): Record<string, string[]> {
  const { upstreams } = resolveClientSetup({ mirrors: [], needsMirror: true, ...request });
  const spelled = upstreams.map(({ name, endpoints: places }) => [
    name,
    places.map(({ url, isDedicated }) => (isDedicated ? `${url} alone` : url)),
  ]);
  return Object.fromEntries(spelled) as Record<string, string[]>;
}

function refusal(request: Partial<ClientSetupRequest>): string {
  try {
    return `not refused: ${JSON.stringify(resolveClientSetup({ mirrors: [], needsMirror: true, ...request }))}`;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
}

describe('mirrors of the command line', () => {
  test('one without an upstream serves all built-in ones, docker.io first', () => {
    const found = endpoints({ mirrors: ['https://m.example'] });
    expect(Object.keys(found)).toEqual([
      'docker.io',
      'ghcr.io',
      'quay.io',
      'gcr.io',
      'registry.k8s.io',
      'mcr.microsoft.com',
    ]);
    expect(new Set(Object.values(found).flat())).toEqual(new Set(['https://m.example']));
  });

  test('they are tried in the order in which they are given, whichever kind they are', () => {
    expect(endpoints({ mirrors: ['a.example', 'ghcr.io=b.example', 'c.example'], upstreams: [GITHUB, HUB] })).toEqual({
      'docker.io': ['https://a.example', 'https://c.example'],
      'ghcr.io': ['https://a.example', 'https://b.example alone', 'https://c.example'],
    });
  });

  test('one of a single upstream brings an upstream that nobody listed', () => {
    expect(endpoints({ mirrors: ['nvcr.io=https://n.example'] })).toEqual({ 'nvcr.io': ['https://n.example alone'] });
  });

  test('one that is given twice is tried once', () => {
    expect(endpoints({ mirrors: ['m.example', 'https://M.example:443/'], upstreams: [HUB] })).toEqual({
      'docker.io': ['https://m.example'],
    });
  });

  test.each([
    ['m.example', 'https://m.example'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['http://10.0.0.5:5000/', 'http://10.0.0.5:5000'],
    ['https://m.example/registry/', 'https://m.example/registry'],
    ['https://m.example/v2/team/hub', 'https://m.example/v2/team/hub'],
  ])('%s is %s', (written, url) => {
    expect(endpoints({ mirrors: [written], upstreams: [HUB] })).toEqual({ 'docker.io': [url] });
  });

  test('the other names of Docker Hub are docker.io', () => {
    expect(Object.keys(endpoints({ mirrors: ['index.docker.io=m.example'] }))).toEqual(['docker.io']);
  });
});

describe('the server of a wharf.yaml', () => {
  const externalUrl = 'https://mirror.example:8443';
  const hub = { ...HUB, hosts: ['docker.mirror.example'] };

  test('is named by the host of an upstream, and where there is none serves it beside the others', () => {
    expect(endpoints({ externalUrl, upstreams: [hub, GITHUB] })).toEqual({
      'docker.io': ['https://docker.mirror.example:8443 alone'],
      'ghcr.io': ['https://mirror.example:8443'],
    });
  });

  test('is at the port of an upstream', () => {
    expect(endpoints({ externalUrl, upstreams: [{ ...HUB, hosts: [':5002'] }] })).toEqual({
      'docker.io': ['https://mirror.example:5002 alone'],
    });
  });

  test('is where the command line says, if that says so', () => {
    expect(
      endpoints({ externalUrl, mirrors: ['http://10.0.0.5:5000', 'far.example'], upstreams: [hub, GITHUB] }),
    ).toEqual({
      'docker.io': ['http://docker.mirror.example:5000 alone', 'https://far.example'],
      'ghcr.io': ['http://10.0.0.5:5000', 'https://far.example'],
    });
  });

  test('is asked first, and then mirrors of single upstreams', () => {
    expect(endpoints({ externalUrl, mirrors: ['ghcr.io=g.example'], upstreams: [hub, GITHUB] })).toEqual({
      'docker.io': ['https://docker.mirror.example:8443 alone'],
      'ghcr.io': ['https://mirror.example:8443', 'https://g.example alone'],
    });
  });

  test('serves those upstreams alone that have a host, when nothing says where it is', () => {
    expect(endpoints({ upstreams: [hub, GITHUB] })).toEqual({ 'docker.io': ['https://docker.mirror.example alone'] });
  });

  test('an authority that is elsewhere is no place for a client without a mirror', () => {
    const upstreams = [
      { ...HUB, url: 'https://m.daocloud.io' },
      { name: 'reg.corp:5000', url: 'http://reg.corp:5000', hosts: [] },
      { name: 'corp', url: 'https://reg.corp.example', hosts: [] },
    ];
    const found = resolveClientSetup({ mirrors: ['m.example'], upstreams, needsMirror: true }).upstreams;
    expect(found.map(({ registryUrl }) => registryUrl)).toEqual([
      'https://registry-1.docker.io',
      'http://reg.corp:5000',
      'https://reg.corp.example',
    ]);
    expect(found[0]?.furtherHosts).toEqual(['m.daocloud.io']);
  });

  test('where an upstream was seen to lead is needed, too', () => {
    const upstreams = [{ ...HUB, seenHosts: ['cdn.example', 'registry-1.docker.io'] }];
    const setup = resolveClientSetup({ mirrors: [], upstreams, needsMirror: false });
    expect(setup.upstreams[0]?.furtherHosts).toEqual(['cdn.example']);
    expect(CLIENTS.clash.generate(setup, {}).files[0]?.text).toContain('- DOMAIN,cdn.example\n');
  });
});

test('without a mirror there is nothing to say, but for clients that need none', () => {
  expect(refusal({})).toContain('no mirror was given');
  expect(resolveClientSetup({ mirrors: [], needsMirror: false }).upstreams).toHaveLength(6);
});

test('bad input is refused with what is wrong', () => {
  const mirrors = [
    '',
    'mirror',
    'ftp://m.example',
    'https://ada:secret@m.example',
    'https://m.example?x=1',
    'https://m.example/#x',
    'https://m.example/a//b',
    'https://m.example/../b',
    'https://m.example/"',
    "https://m.example/it's",
    'https://m.example/v2/Team',
    'https://m.example:99999',
    'https://m.example/%0a',
    'https://mïrror.example',
    'https://m.example\n[evil]',
    'https://m.example/ x',
    `https://m.example/${'a'.repeat(1000)}`,
    'gchr.io=m.example',
    'docker=m.example',
    '=m.example',
    'ghcr.io=',
    'a"b.example=m.example',
  ];
  expect(mirrors.map((mirror) => refusal({ mirrors: [mirror] }))).toMatchInlineSnapshot(`
    [
      """ is no mirror's address: expected a host such as mirror.example.com, localhost:5000 or https://10.0.0.5:5000",
      ""mirror" is no mirror's address: expected a host such as mirror.example.com, localhost:5000 or https://10.0.0.5:5000",
      ""ftp://m.example" is no mirror's address: a mirror is reached by https or http",
      ""https://…@m.example" is no mirror's address: it must hold no user or password; clients take those from their own logins",
      ""https://m.example?x=1" is no mirror's address: it must have no query",
      ""https://m.example/#x" is no mirror's address: it must have no fragment",
      ""https://m.example/a//b" is no mirror's address: a path may have letters, digits, ".", "_", "~" and "-" between single slashes",
      ""https://m.example/../b" is no mirror's address: a path may have letters, digits, ".", "_", "~" and "-" between single slashes",
      ""https://m.example/\\"" is no mirror's address: a path may have letters, digits, ".", "_", "~" and "-" between single slashes",
      ""https://m.example/it's" is no mirror's address: a path may have letters, digits, ".", "_", "~" and "-" between single slashes",
      ""https://m.example/v2/Team" is no mirror's address: "Team", behind /v2/, cannot begin the name of a repository",
      ""https://m.example:99999" is no mirror's address: expected a host such as mirror.example.com, localhost:5000 or https://10.0.0.5:5000",
      ""https://m.example/%0a" is no mirror's address: a path may have letters, digits, ".", "_", "~" and "-" between single slashes",
      ""https://mïrror.example" is no mirror's address: write a host beyond ASCII in its form for DNS, xn--…, and no such path",
      ""https://m.example\\n[evil]" is no mirror's address: it has blanks or control characters in it",
      ""https://m.example/ x" is no mirror's address: it has blanks or control characters in it",
      ""https://m.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is no mirror's address: it has more than 1000 characters",
      "--mirror "gchr.io"=… names no registry; did you mean ghcr.io?",
      "--mirror "docker"=… names no registry; write one as references have it, such as docker.io or ghcr.io",
      "--mirror ""=… names no registry; write one as references have it, such as docker.io or ghcr.io",
      """ is no mirror's address: expected a host such as mirror.example.com, localhost:5000 or https://10.0.0.5:5000",
      "--mirror "a\\"b.example"=… names no registry; write one as references have it, such as docker.io or ghcr.io",
    ]
  `);
  expect([
    refusal({ mirrors: ['http://m.example'], caFile: '/ca.pem' }),
    refusal({ mirrors: ['m.example'], caFile: 'ca.pem' }),
    refusal({ mirrors: ['m.example'], caFile: '/ca\n.pem' }),
  ]).toMatchInlineSnapshot(`
    [
      "--ca is for mirrors that are reached by https, and there is none among these",
      "--ca "ca.pem" is no absolute path; say where the certificate is on the client's machine",
      "--ca "/ca\\n.pem" is no absolute path; say where the certificate is on the client's machine",
    ]
  `);
});
