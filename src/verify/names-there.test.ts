import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRepositoryName } from '../oci/reference.ts';
import { checkNamesThere, nameThere, nameUpstream } from './names-there.ts';

const NGINX = parseRepositoryName('library/nginx');

test.each([
  ['{repository}', 'docker.io', 'library/nginx', 'library/nginx'],
  ['mirror/', 'docker.io', 'library/nginx', 'mirror/nginx'],
  ['mirror/{name}', 'docker.io', 'jenkins/slave', 'mirror/jenkins/slave'],
  ['docker/{repository}', 'docker.io', 'library/nginx', 'docker/library/nginx'],
  ['{upstream}/{repository}', 'ghcr.io', 'owner/app', 'ghcr.io/owner/app'],
  ['mirror/', 'ghcr.io', 'owner/app', 'mirror/ghcr.io/owner/app'],
])('by %s, %s calls %s %s', (template, upstream, repository, there) => {
  const name = parseRepositoryName(repository);
  expect(nameThere(template, upstream, name)).toBe(there);
  expect(nameUpstream(template, upstream, there)).toBe(name);
});

test('a name that the template does not make is of nobody', () => {
  expect(nameUpstream('mirror/', 'docker.io', 'other/nginx')).toBeUndefined();
  expect(nameUpstream('{upstream}/{repository}', 'ghcr.io', 'quay.io/o/app')).toBeUndefined();
  expect(nameUpstream('{repository}', 'docker.io', 'UPPER')).toBeUndefined();
});

test('every name comes back from its place at a mirror', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const repository = fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'));
  const template = fc.constantFrom('{repository}', 'a/', 'a/{name}', '{upstream}/{repository}', 'a/{repository}/b');
  fc.assert(
    fc.property(repository, template, fc.constantFrom('docker.io', 'ghcr.io'), (text, pattern, upstream) => {
      const there = nameThere(pattern, upstream, parseRepositoryName(text));
      expect(nameThere(pattern, upstream, nameUpstream(pattern, upstream, there) ?? NGINX)).toBe(there);
    }),
  );
});

test('two repositories that would be one at the mirror are refused before anything is asked', () => {
  const redis = parseRepositoryName('library/redis');
  expect(() => checkNamesThere('mirror', 'docker.io', [NGINX, redis], 'localhost:5000')).toThrow(
    'library/nginx and library/redis would both be mirror at localhost:5000; end the mirror\'s path with "/"',
  );
  expect(() => checkNamesThere('mirror', 'docker.io', [NGINX], 'localhost:5000')).not.toThrow();
  expect(() => checkNamesThere('mirror/', 'docker.io', [NGINX, redis], 'localhost:5000')).not.toThrow();
});
