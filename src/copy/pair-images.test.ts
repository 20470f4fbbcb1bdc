import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDigest } from '../oci/digest.ts';
import { formatFamiliar, parseReference } from '../oci/reference.ts';
import { familiarName } from '../oci/reference.ts';
import { type NamedImage, nameImages } from './pair-images.ts';

const DIGEST = parseDigest(`sha256:${'a'.repeat(64)}`);

function image(text: string): NamedImage {
  const { domain, repository, tag, digest } = parseReference(text);
  const values = { repository, name: familiarName(domain, repository), upstream: domain };
  return { text: formatFamiliar(parseReference(text)), values, tag, digest };
}

function names(texts: readonly string[], repository: string, tag?: string): string[] {
  const naming = { place: 'reg.example.com/', repository, tag };
  return [...nameImages(texts.map(image), naming).values()].map((name) => `${name.repository}:${name.tag ?? ''}`);
}

test('a prefix keeps the names that people write', () => {
  const sources = ['nginx:1.24', 'jenkins/slave', 'ghcr.io/o/app:2'];
  expect(names(sources, 'xxx/')).toEqual(['xxx/nginx:1.24', 'xxx/jenkins/slave:latest', 'xxx/ghcr.io/o/app:2']);
});

test.each([
  ['web', undefined, 'web:1.27'],
  ['web', '2', 'web:2'],
  ['{repository}', undefined, 'library/nginx:1.27'],
  ['{upstream}/{name}', '{tag}-mirror', 'docker.io/nginx:1.27-mirror'],
])('nginx:1.27 by %s and %s is %s', (repository, tag, expected) => {
  expect(names(['nginx:1.27'], repository, tag)).toEqual([expected]);
});

test('tags of one repository may share a name', () => {
  expect(names(['nginx:1', 'nginx:2'], 'web')).toEqual(['web:1', 'web:2']);
});

test('an image without a tag goes without one', () => {
  expect(names([`nginx@${DIGEST}`], 'web')).toEqual(['web:']);
});

test.each([
  [['nginx:1', 'nginx:2'], 'web', '9', 'nginx:1 and nginx:2 would both become reg.example.com/web:9'],
  [['nginx:1', 'redis:7'], 'web', undefined, 'end the destination with "/" to keep their names'],
  [
    ['nginx:1', 'ghcr.io/library/nginx:2'],
    '{repository}',
    undefined,
    'would both become reg.example.com/library/nginx',
  ],
  [['nginx:1'], 'web', '{tag}/x', 'nginx:1 would become reg.example.com/1/x: "1/x" is not a tag'],
  [['nginx:1'], '{name}-', undefined, '"nginx-" is not a repository name'],
])('%j by %s:%s is refused', (sources, repository, tag, message) => {
  expect(() => names(sources, repository, tag)).toThrow(message);
});

test('what has no name of its own is named in full', () => {
  const archived = { text: 'docker-archive:a.tar' };
  expect(() => nameImages([archived], { place: 'store:', repository: '{name}' })).toThrow('name it in full at store:');
  expect(nameImages([archived], { place: 'store:', repository: 'app', tag: '1' }).get(archived)).toEqual({
    repository: 'app',
    tag: '1',
  });
});

test('no two images ever share a name', () => {
  const source = fc
    .tuple(fc.constantFrom('nginx', 'a/b', 'ghcr.io/a/b', 'quay.io/library/nginx'), fc.constantFrom('1', '2'))
    .map(([name, tag]) => `${name}:${tag}`);
  const template = fc.constantFrom('x/', '{repository}', '{name}', 'x', '{upstream}/{repository}');
  fc.assert(
    fc.property(fc.uniqueArray(source, { maxLength: 6 }), template, (sources, repository) => {
      let named: string[];
      try {
        named = names(sources, repository);
      } catch {
        return;
      }
      expect(new Set(named).size).toBe(sources.length);
    }),
  );
});
