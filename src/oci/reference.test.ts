import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatFamiliar, formatReference, parseReference, parseUntaggedReference } from './reference.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('names mean what they mean to docker', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/a/b', 'docker.io/a/b:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['a/b:1', 'docker.io/a/b:1'],
    ['localhost/x', 'localhost/x:latest'],
    ['Foo/bar', 'Foo/bar:latest'],
    ['reg:5000/x', 'reg:5000/x:latest'],
    ['a.b/c', 'a.b/c:latest'],
    ['[::1]:5000/x:1', '[::1]:5000/x:1'],
    [`nginx:1@${DIGEST}`, `docker.io/library/nginx:1@${DIGEST}`],
    [`ghcr.io/o/x@${DIGEST}`, `ghcr.io/o/x@${DIGEST}`],
    ['docker://nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['a/b__c/d-e.f', 'docker.io/a/b__c/d-e.f:latest'],
  ])('%s is %s', (text, canonical) => {
    expect(formatReference(parseReference(text))).toBe(canonical);
  });

  test.each([
    'docker.io/library/NGINX',
    'NGINX',
    'ab'.repeat(32),
    '',
    ':1',
    '/x',
    'a//b',
    'a/b:',
    'a/b@sha256:12',
    'nginx:a b',
    '-a/b',
    'a/../b',
    'a/%2e%2e/b',
    'reg:port/x',
    `a/${'b'.repeat(256)}`,
    `nginx:${'t'.repeat(129)}`,
  ])('%j is refused', (text) => {
    expect(() => parseReference(text)).toThrow();
  });

  test('a bare digest is refused with a word on what to write', () => {
    expect(() => parseReference('ab'.repeat(32))).toThrow('NAME@sha256:');
  });

  test('a name without a tag can be told from one with latest', () => {
    expect(parseUntaggedReference('nginx')).not.toHaveProperty('tag');
    expect(parseReference('nginx')).toHaveProperty('tag', 'latest');
  });
});

test.each([
  ['nginx', 'nginx:latest'],
  ['docker.io/library/nginx:1', 'nginx:1'],
  ['jenkins/slave', 'jenkins/slave:latest'],
  ['ghcr.io/o/x', 'ghcr.io/o/x:latest'],
])('%s is shown as docker shows it: %s', (text, familiar) => {
  expect(formatFamiliar(parseReference(text))).toBe(familiar);
});

test('what is printed reads back as the same reference', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:[._]|__|-{1,2})[a-z0-9]{1,4}){0,2}$/);
  const domain = fc.constantFrom('docker.io', 'ghcr.io', 'localhost:5000', 'localhost', '[::1]:80', 'A.example');
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
  const text = fc
    .tuple(domain, fc.array(component, { minLength: 1, maxLength: 4 }), tag)
    .map(([host, path, name]) => `${host}/${path.join('/')}:${name}`);
  fc.assert(
    fc.property(text, (written) => {
      const reference = parseReference(written);
      expect(parseReference(formatReference(reference))).toEqual(reference);
      expect(parseReference(formatFamiliar(reference))).toEqual(reference);
    }),
  );
});

test('no text makes the parser fail in another way than by refusing it', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseReference(text);
      } catch (error) {
        expect(error).toHaveProperty('name', 'OciError');
      }
    }),
  );
});
