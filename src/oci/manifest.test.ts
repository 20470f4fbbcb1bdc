import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readManifest } from './manifest.ts';
import { MEDIA_TYPES } from './media-type.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const encode = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const descriptor = (mediaType: string) => ({ mediaType, digest, size: 1 });
const image = { schemaVersion: 2, config: descriptor(MEDIA_TYPES.ociConfig), layers: [descriptor('x')] };
const index = { schemaVersion: 2, manifests: [descriptor(MEDIA_TYPES.dockerImage)] };

test.each([
  [image, MEDIA_TYPES.ociImage],
  [{ ...image, config: descriptor(MEDIA_TYPES.dockerConfig) }, MEDIA_TYPES.dockerImage],
  [index, MEDIA_TYPES.dockerIndex],
  [{ schemaVersion: 2, manifests: [] }, MEDIA_TYPES.ociIndex],
  [{ ...image, mediaType: MEDIA_TYPES.ociImage }, MEDIA_TYPES.ociImage],
])('a manifest without a media type is what its shape says (%#)', (body, mediaType) => {
  expect(readManifest(encode(body)).mediaType).toBe(mediaType);
});

test('null lists count as empty, as old tools write them', () => {
  expect(readManifest(encode({ ...image, layers: null })).content).toMatchObject({ kind: 'image', layers: [] });
});

test.each([
  ['both layers and manifests', { ...image, ...index }],
  ['an index that calls itself an image', { ...index, mediaType: MEDIA_TYPES.ociImage }],
  ['an image that calls itself an index', { ...image, mediaType: MEDIA_TYPES.ociIndex }],
  ['a media type that is no manifest', { ...image, mediaType: 'text/html' }],
  ['a digest that is none', { ...image, config: { ...image.config, digest: '../../etc/passwd' } }],
  ['a negative size', { ...image, config: { ...image.config, size: -1 } }],
  ['schema 1', { schemaVersion: 1 }],
  ['a list', []],
  ['null', 'null'],
  ['HTML', '<html>'],
  ['nothing', ''],
])('%s is refused', (_, body) => {
  expect(() => readManifest(encode(body))).toThrow();
});

test('more than 4 MiB is refused before it is read', () => {
  expect(() => readManifest(new Uint8Array(4 * 1024 * 1024 + 1))).toThrow('4 MiB');
});

test('no bytes make it fail in another way than by refusing them', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(encode)), (bytes) => {
      try {
        readManifest(bytes);
      } catch (error) {
        expect(error).toHaveProperty('name', 'OciError');
      }
    }),
  );
});
