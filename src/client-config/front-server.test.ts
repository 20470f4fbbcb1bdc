import { expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientSetup } from './client-setup.ts';
import { frontServer, quotedPath, trialOf, wharfYaml } from './front-server.ts';

/** For each upstream the URLs that mean it alone. */
function setupOf(urls: Readonly<Record<string, readonly string[]>>, shared?: string): ClientSetup {
  const upstreams = Object.entries(urls).map(([name, own]) => ({
    name,
    registryUrl: `https://${name}`,
    endpoints: [
      ...own.map((url) => ({ url, isDedicated: true })),
      ...(shared === undefined ? [] : [{ url: shared, isDedicated: false }]),
    ],
  }));
  return { upstreams };
}

const yamlOf = (setup: ClientSetup, backend?: string) => wharfYaml(frontServer(setup, { backend }));

test('a host that means several upstreams is told apart by its ports', () => {
  const setup = setupOf({
    'docker.io': ['https://mirror.test'],
    'ghcr.io': ['https://mirror.test:5002'],
    'quay.io': ['https://quay.mirror.test:5002'],
  });
  expect(yamlOf(setup)).toEqual([
    'listen: 127.0.0.1:5000',
    'trustedProxies: [127.0.0.1]',
    'upstreams:',
    '  docker.io: { hosts: [mirror.test] }',
    '  ghcr.io: { hosts: ["mirror.test:5002"] }',
    '  quay.io: { hosts: [quay.mirror.test] }',
  ]);
});

test('a name for all upstreams is one of the server itself, with the port that clients see', () => {
  const setup = setupOf({ 'docker.io': [], 'ghcr.io': [] }, 'https://mirror.test:8443/');
  expect(yamlOf(setup)).toEqual([
    'listen: 127.0.0.1:5000',
    'trustedProxies: [127.0.0.1]',
    'serverNames: ["mirror.test:8443"]',
  ]);
  expect(trialOf(frontServer(setup, {}))).toBe('docker pull mirror.test:8443/library/busybox');
});

test('Wharf trusts this machine, or the address that somebody fills in', () => {
  const setup = setupOf({ 'ghcr.io': ['http://ghcr.test'] });
  expect(yamlOf(setup, '[::1]:5000').slice(0, 2)).toEqual(['listen: "[::1]:5000"', 'trustedProxies: ["::1"]']);
  expect(yamlOf(setup, 'wharf.internal:5000')[1]).toBe('trustedProxies: []  # the address that this server comes from');
  expect(trialOf(frontServer(setup, {}))).toBe('curl --fail http://ghcr.test/v2/');
});

test.each<[string, ClientSetup, Parameters<typeof frontServer>[1]]>([
  ['no upstream', setupOf({}), {}],
  ['a name for two', setupOf({ 'docker.io': ['https://a.test'], 'ghcr.io': ['https://a.test/'] }), {}],
  ['a port for http and https', setupOf({ 'docker.io': ['https://a.test:80', 'http://a.test'] }), {}],
  ['a URL that is none', setupOf({ 'docker.io': ['a.test'] }), {}],
  ['another scheme', setupOf({ 'docker.io': ['ftp://a.test'] }), {}],
  ['a host with a variable', setupOf({ 'docker.io': ['https://a$b.test'] }), {}],
  ['a name of two lines', setupOf({ 'docker.io\nx': ['https://a.test'] }), {}],
  ['a backend without a port', setupOf({ 'docker.io': ['https://a.test'] }), { backend: '127.0.0.1' }],
  ['a backend of two words', setupOf({ 'docker.io': ['https://a.test'] }), { backend: 'a b:5000' }],
  ['a name to listen on', setupOf({ 'docker.io': ['https://a.test'] }), { bind: 'a.test' }],
  ['half an address', setupOf({ 'docker.io': ['https://a.test'] }), { bind: '1.2.3.400' }],
])('%s is refused in a sentence', (_, setup, options) => {
  expect(() => frontServer(setup, options)).toThrow(UsageError);
});

test.each(['', 'a', '/a"b', "/a'b", '/a\\', '/$x', '/{x}', '/a\nb', '/a\u0000', '/`a`', '/\u2028'])(
  '%j is no path to write down',
  (path) => {
    expect(() => quotedPath(path)).toThrow(UsageError);
  },
);

test('a path may have spaces, semicolons and letters of any script', () => {
  expect(quotedPath('/srv/images; 镜像 #1')).toBe('"/srv/images; 镜像 #1"');
});
