import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCopyDestination, takesManyNames } from './copy-destination.ts';

test.each([
  ['reg.example.com', 'reg.example.com', {}],
  ['reg.example.com/', 'reg.example.com', { repository: '{name}' }],
  ['reg.example.com/xxx/', 'reg.example.com', { repository: 'xxx/' }],
  ['reg.example.com/xxx/web:2', 'reg.example.com', { repository: 'xxx/web', tag: '2' }],
  ['reg.example.com/xxx/web', 'reg.example.com', { repository: 'xxx/web' }],
  ['localhost:5000', 'localhost:5000', {}],
  ['localhost:5000/x', 'localhost:5000', { repository: 'x' }],
  ['reg.example.com:5000', 'reg.example.com:5000', {}],
  ['http://old:5000/{repository}', 'http://old:5000', { repository: '{repository}' }],
  ['http://old:5000', 'http://old:5000', {}],
  [
    'docker://reg.example.com/a/{name}:{tag}-mirror',
    'reg.example.com',
    { repository: 'a/{name}', tag: '{tag}-mirror' },
  ],
  ['me/app:1', 'docker.io', { repository: 'me/app', tag: '1' }],
  ['me/', 'docker.io', { repository: 'me/' }],
])('%s is at a registry', (text, registry, name) => {
  expect(parseCopyDestination(text)).toEqual({ kind: 'registry', registry, name });
});

test.each([
  ['store', { kind: 'store', name: {} }],
  ['store:', { kind: 'store', name: {} }],
  ['store:team/', { kind: 'store', name: { repository: 'team/' } }],
  ['store:app:1', { kind: 'store', name: { repository: 'app', tag: '1' } }],
  ['oci:dir', { kind: 'oci', folder: 'dir' }],
  ['oci:dir:1', { kind: 'oci', folder: 'dir', tag: '1' }],
  ['docker-archive:a.tar', { kind: 'docker-archive', file: 'a.tar', name: {} }],
  ['docker-archive:a.tar:app:1', { kind: 'docker-archive', file: 'a.tar', name: { repository: 'app', tag: '1' } }],
  ['docker-daemon:', { kind: 'docker-daemon', name: {} }],
  ['docker-daemon:localhost:5000/x:1', { kind: 'docker-daemon', name: { repository: 'localhost:5000/x', tag: '1' } }],
])('%s is a place of ours', (text, destination) => {
  expect(parseCopyDestination(text)).toEqual(destination);
});

test.each([
  [`reg.example.com/x@sha256:${'a'.repeat(64)}`, 'has a digest, but what is copied decides that'],
  ['reg.example.com/**', 'patterns are for sources'],
  ['old:5000', 'write old:5000/ for the registry'],
  ['mine', 'write HOST/mine or store:mine'],
  ['reg.example.com/X', 'is not a repository name'],
  ['reg.example.com/{nam}', 'it may use {repository}, {name}, {tag}, {upstream}'],
  ['reg.example.com/x:{tag', 'unmatched brace'],
  ['reg.example.com/x:a b', 'is not a tag'],
  ['http:///x', 'does not begin with a registry'],
  ['docker-archiv:x.tar', 'did you mean docker-archive:?'],
])('%s is refused', (text, message) => {
  expect(() => parseCopyDestination(text)).toThrow(message);
});

test('only names that speak of the source serve many', () => {
  const names = ['xxx/', '{name}', 'a/{repository}', undefined];
  for (const repository of names) expect(takesManyNames({ repository })).toBe(true);
  for (const repository of ['xxx', 'a/{upstream}']) expect(takesManyNames({ repository })).toBe(false);
});

test('whatever is written, it is read or refused with a sentence', () => {
  const piece = fc.constantFrom(
    'store',
    'oci',
    'docker-archive',
    'https',
    ':',
    '/',
    '//',
    '{name}',
    '{',
    '@',
    'a',
    '1',
    '.',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (written) => {
      try {
        expect(parseCopyDestination(written).kind).toBeTruthy();
      } catch (error) {
        expect(['UsageError', 'OciError']).toContain((error as Error).name);
      }
    }),
  );
});
