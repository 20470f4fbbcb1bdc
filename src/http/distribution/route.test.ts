import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { parseRoute } from './route.ts';

const DIGEST = digestOf('x');

describe('an endpoint is told by the end of its path', () => {
  test.each([
    ['/v2', { kind: 'ping' }],
    ['/v2/', { kind: 'ping' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/v2/a/tags/list', { kind: 'tags', name: 'a' }],
    ['/v2/tags/list/tags/list', { kind: 'tags', name: 'tags/list' }],
    ['/v2/a/manifests/manifests/manifests', { kind: 'manifest', name: 'a/manifests', reference: 'manifests' }],
    ['/v2/a/tags/manifests/list', { kind: 'manifest', name: 'a/tags', reference: 'list' }],
    ['/v2/a/manifests/tags/list', { kind: 'tags', name: 'a/manifests' }],
    ['/v2/a/blobs/uploads/manifests/1', { kind: 'manifest', name: 'a/blobs/uploads', reference: '1' }],
    ['/v2/a/blobs/uploads', { kind: 'uploads', name: 'a' }],
    ['/v2/a/blobs/uploads/', { kind: 'uploads', name: 'a' }],
    ['/v2/a/blobs/uploads/blobs/uploads/', { kind: 'uploads', name: 'a/blobs/uploads' }],
    ['/v2/a/blobs/uploads/manifests', { kind: 'upload', name: 'a', id: 'manifests' }],
    [`/v2/blobs/blobs/${DIGEST}`, { kind: 'blob', name: 'blobs', digest: DIGEST }],
    [`/v2/a/blobs/${encodeURIComponent(DIGEST)}`, { kind: 'blob', name: 'a', digest: DIGEST }],
    [`/v2/a/referrers/${DIGEST}`, { kind: 'referrers', name: 'a', digest: DIGEST }],
    ['/v2/%61/tags/list', { kind: 'tags', name: 'a' }],
  ])('%s', (path, route) => expect(parseRoute(path)).toEqual(route));
});

describe('what is no endpoint has no route', () => {
  test.each([
    '',
    '/',
    '*',
    '/v1/',
    '/v2x/',
    '//v2/',
    '/V2/',
    '/v2/a',
    '/v2/a/tags',
    '/v2/a/tags/other',
    '/v2/a/%6danifests/x',
    '/v2/a/uploads/x',
  ])('"%s"', (path) => expect(parseRoute(path)).toBeUndefined());
});

describe('a name, tag, digest or id that breaks its grammar is refused with the code of its kind', () => {
  test.each([
    ['NAME_INVALID', '/v2/manifests/latest'],
    ['NAME_INVALID', '/v2//manifests/latest'],
    ['NAME_INVALID', '/v2/a//b/manifests/latest'],
    ['NAME_INVALID', '/v2/../a/manifests/latest'],
    ['NAME_INVALID', '/v2/%2e%2e/a/manifests/latest'],
    ['NAME_INVALID', '/v2/a%2Fb/manifests/latest'],
    ['NAME_INVALID', '/v2/a%252Fb/manifests/latest'],
    ['NAME_INVALID', '/v2/a%00/manifests/latest'],
    ['NAME_INVALID', '/v2/a%/manifests/latest'],
    ['NAME_INVALID', '/v2/a%zz/manifests/latest'],
    ['NAME_INVALID', '/v2/a%c0%af/manifests/latest'],
    ['NAME_INVALID', '/v2/A/manifests/latest'],
    ['NAME_INVALID', `/v2/${'a'.repeat(10_000)}/manifests/latest`],
    ['NAME_INVALID', `/v2/${'a/'.repeat(5000)}manifests/latest`],
    ['NAME_INVALID', '/v2/a/manifests/x%2Fy'],
    ['TAG_INVALID', '/v2/a/manifests/'],
    ['TAG_INVALID', '/v2/a/manifests/..'],
    ['TAG_INVALID', '/v2/a/manifests/x%00'],
    ['TAG_INVALID', `/v2/a/manifests/${'t'.repeat(129)}`],
    ['DIGEST_INVALID', '/v2/a/manifests/sha256:bad'],
    ['DIGEST_INVALID', '/v2/a/blobs/latest'],
    ['DIGEST_INVALID', `/v2/a/blobs/${DIGEST.toUpperCase()}`],
    ['DIGEST_INVALID', '/v2/a/blobs/sha256:..%5c..%5cpasswd'],
    ['DIGEST_INVALID', '/v2/a/referrers/'],
    ['BLOB_UPLOAD_UNKNOWN', '/v2/a/blobs/uploads/..'],
    ['BLOB_UPLOAD_UNKNOWN', '/v2/a/blobs/uploads/%2e%2e'],
  ])('%s for %s', (code, path) => expect(codeOf(path)).toBe(code));
});

const component = fc.stringMatching(/^[a-z0-9]{1,6}$/).filter((text) => text.length > 0);
const keyword = fc.constantFrom('blobs', 'manifests', 'tags', 'uploads', 'list', 'referrers');
const name = fc.array(fc.oneof(component, keyword), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));

test('every name and tag are found again in their path', () => {
  fc.assert(
    fc.property(name, fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), (name, reference) => {
      expect(parseRoute(`/v2/${name}/manifests/${reference}`)).toEqual({ kind: 'manifest', name, reference });
      expect(parseRoute(`/v2/${name}/blobs/${DIGEST}`)).toEqual({ kind: 'blob', name, digest: DIGEST });
      expect(parseRoute(`/v2/${name}/tags/list`)).toEqual({ kind: 'tags', name });
      expect(parseRoute(`/v2/${name}/blobs/uploads/`)).toEqual({ kind: 'uploads', name });
    }),
  );
});

test('no path does anything else than give a route, give none, or be refused', () => {
  const piece = fc.oneof(keyword, component, fc.string(), fc.constantFrom('%2F', '%00', '..', '%', DIGEST, ''));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const path = `/v2/${pieces.join('/')}`;
      const route = codeOf(path) === undefined ? parseRoute(path) : undefined;
      if (route !== undefined && 'name' in route) expect(route.name).toMatch(/^[a-z0-9]+(?:[/._-]+[a-z0-9]+)*$/);
    }),
  );
});

function codeOf(path: string): string | undefined {
  try {
    parseRoute(path);
    return undefined;
  } catch (error) {
    if (error instanceof OciError) return error.code;
    throw error;
  }
}
