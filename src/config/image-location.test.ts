import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseImageLocation } from './image-location.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('one image', () => {
  test.each([
    ['nginx', 'docker.io', { repository: 'library/nginx' }],
    ['jenkins/slave:2', 'docker.io', { repository: 'jenkins/slave', tag: '2' }],
    [`ghcr.io/o/app@${DIGEST}`, 'ghcr.io', { repository: 'o/app', digest: DIGEST }],
    [`nginx:1.27@${DIGEST}`, 'docker.io', { repository: 'library/nginx', tag: '1.27', digest: DIGEST }],
    ['localhost:5000/x', 'localhost:5000', { repository: 'x' }],
    ['reg.example.com:5000/a/b:1', 'reg.example.com:5000', { repository: 'a/b', tag: '1' }],
    ['http://old:5000/x:1', 'http://old:5000', { repository: 'x', tag: '1' }],
    ['http://old/x', 'http://old', { repository: 'x' }],
    ['https://docker.io/nginx:1', 'docker.io', { repository: 'library/nginx', tag: '1' }],
    ['docker://nginx:1', 'docker.io', { repository: 'library/nginx', tag: '1' }],
    ['docker://store:1', 'docker.io', { repository: 'library/store', tag: '1' }],
    ['old:5000', 'docker.io', { repository: 'library/old', tag: '5000' }],
    ['stork:v1', 'docker.io', { repository: 'library/stork', tag: 'v1' }],
  ])('%s is at a registry', (text, registry, images) => {
    expect(parseImageLocation(text)).toEqual({ kind: 'registry', registry, images });
  });

  test.each([
    ['store:library/nginx', { repository: 'library/nginx' }],
    ['store:app:1', { repository: 'app', tag: '1' }],
    [`store:a/b@${DIGEST}`, { repository: 'a/b', digest: DIGEST }],
    ['store:ghcr.io/o/app:1', { repository: 'ghcr.io/o/app', tag: '1' }],
  ])('%s is in the store', (text, images) => {
    expect(parseImageLocation(text)).toEqual({ kind: 'store', images });
  });

  test.each([
    ['oci:dir', { kind: 'oci', folder: 'dir' }],
    ['oci:/a/b:1.27', { kind: 'oci', folder: '/a/b', tag: '1.27' }],
    ['oci:./a:b/', { kind: 'oci', folder: './a:b/' }],
    ['oci:./a:b/:1', { kind: 'oci', folder: './a:b/', tag: '1' }],
    ['docker-archive:out.tar', { kind: 'docker-archive', file: 'out.tar' }],
    [
      'docker-archive:/a/out.tar:nginx:1',
      {
        kind: 'docker-archive',
        file: '/a/out.tar',
        reference: { domain: 'docker.io', repository: 'library/nginx', tag: '1' },
      },
    ],
    ['docker-daemon:me/app', { kind: 'docker-daemon', reference: { domain: 'docker.io', repository: 'me/app' } }],
  ])('%s is on this machine', (text, location) => {
    expect(parseImageLocation(text)).toEqual(location);
  });
});

describe('a pattern', () => {
  test.each([
    ['http://old:5000/**', 'http://old:5000', undefined, ['a', 'a/b'], ['1', 'latest']],
    ['reg.example.com/team/*:v1.*', 'reg.example.com', undefined, ['team/a'], ['v1.2']],
    ['nginx:1.*', 'docker.io', 'library/nginx', ['library/nginx'], ['1.27']],
    ['localhost:5000/app-*', 'localhost:5000', undefined, ['app-web'], ['1']],
    ['docker://quay.io/o/*', 'quay.io', undefined, ['o/x'], ['1']],
  ])('%s', (text, registry, repository, names, tags) => {
    const location = parseImageLocation(text);
    if (location.kind !== 'registry') throw new Error(location.kind);
    expect([location.registry, location.images.repository]).toEqual([registry, repository]);
    for (const name of names) expect(location.images.pattern?.matchesName(name)).toBe(true);
    for (const tag of tags) expect(location.images.pattern?.matchesTag(tag)).toBe(true);
    expect(location.images.pattern?.matchesName('none/of/these')).toBe(text.endsWith('/**'));
  });

  test('store:** is all of the store', () => {
    const location = parseImageLocation('store:**');
    expect(location).toMatchObject({ kind: 'store', images: { pattern: { text: '**' } } });
  });
});

test.each([
  ['docker-archiv:out.tar', 'did you mean docker-archive:?'],
  ['docker_deamon:nginx', 'did you mean docker-daemon:?'],
  ['stroe:a/b', 'did you mean store:?'],
  ['dir:/tmp/x', 'there are store:, oci:, docker-archive: and docker-daemon:'],
  ['store:', "write store:NAME:TAG, or 'store:**' for all"],
  ['oci:', 'names no folder'],
  ['docker-archive:', 'names no file'],
  ['docker-daemon:', 'names no image'],
  [`docker-daemon:x@${DIGEST}`, 'gives images by name only'],
  ['http://old:5000', "or 'http://old:5000/**' for all"],
  ['*.example.com/x', 'has a * in its host'],
  [`reg.example.com/*@${DIGEST}`, 'both a pattern and a digest'],
  ['oci:dir:a/b c:d e', 'is not a tag'],
  ['NGINX', 'is not a repository name'],
  ['', 'names no repository'],
])('%s is refused', (text, message) => {
  expect(() => parseImageLocation(text)).toThrow(message);
});

test('whatever is written, it is read or refused with a sentence', () => {
  const piece = fc.constantFrom(
    'store',
    'oci',
    'docker-archive',
    'http',
    ':',
    '/',
    '//',
    '*',
    '**',
    '@',
    'a',
    '1',
    '.',
    DIGEST,
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (written) => {
      try {
        expect(parseImageLocation(written).kind).toBeTruthy();
      } catch (error) {
        expect(['UsageError', 'OciError']).toContain((error as Error).name);
      }
    }),
  );
});
