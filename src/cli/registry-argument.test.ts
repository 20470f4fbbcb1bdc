import { expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { endpointOf, parseRegistry, parseTarget } from './registry-argument.ts';

test.each([
  ['registry.example.com', 'https://registry.example.com'],
  ['registry.example.com:5000', 'https://registry.example.com:5000'],
  ['localhost:5000', 'http://localhost:5000'],
  ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
  ['http://old:5000', 'http://old:5000'],
  ['docker://registry.example.com', 'https://registry.example.com'],
])('%s is at %s', (text, url) => {
  expect(parseRegistry(text).endpoint.url).toBe(url);
});

test('--plain-http means http, except where a scheme is written', () => {
  expect(parseRegistry('old:5000', { plainHttp: true }).endpoint.url).toBe('http://old:5000');
  expect(parseRegistry('https://new:5000', { plainHttp: true }).endpoint.url).toBe('https://new:5000');
});

test.each(['', 'a b', 'ftp://x', 'https://user:secret@x'])('%j is no registry', (text) => {
  expect(() => parseRegistry(text)).toThrow('is not a registry; write a host such as registry.example.com');
});

test.each([
  ['registry.example.com', '{repository}'],
  ['registry.example.com/mirror/', 'mirror/'],
  ['registry.example.com/mirror/{name}', 'mirror/{name}'],
])('a target %s names its repositories by %s', (text, template) => {
  expect(parseTarget(text).repository).toBe(template);
});

test('only Docker Hub’s own address brings its token server along', () => {
  expect(parseRegistry('registry-1.docker.io').endpoint.realms).toEqual(['https://auth.docker.io/token']);
  expect(parseRegistry('registry-1.docker.io.example.com').endpoint.realms).toEqual([]);
});

test('a domain is the configured upstream of that name, or the host itself', () => {
  const options = { file: 'wharf.yaml', env: {}, resolvePath: (path: string) => path, readSecret: () => '' };
  const config = parseConfig('upstreams: { ghcr.io: { url: "https://mirror.example.com" } }', options);
  expect(endpointOf('ghcr.io', config).url).toBe('https://mirror.example.com');
  expect(endpointOf('reg.example.com', config).url).toBe('https://reg.example.com');
});
