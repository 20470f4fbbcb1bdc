import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { descriptorSchema } from './descriptor.ts';
import { OciError } from './errors.ts';
import { MAX_PARTS, readManifest } from './manifest.ts';
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

describe('4 MiB of what is wrong are refused for the first thing that is', () => {
  const many = (entry: string) => Array.from({ length: 3_900_000 / (entry.length + 1) }, () => entry).join();
  const named = (value: string) => Array.from({ length: 300_000 }, (_, index) => `"${index}":${value}`).join();
  const config = JSON.stringify(image.config);
  const inConfig = (field: string) => `{"schemaVersion":2,"config":${config.slice(0, -1)},${field}},"layers":[]}`;

  test.each([
    ['layers that are empty', `{"schemaVersion":2,"config":${config},"layers":[${many('{}')}]}`],
    ['layers that are numbers', `{"schemaVersion":2,"config":${config},"layers":[${many('0')}]}`],
    ['layers, after a config that is empty', `{"schemaVersion":2,"config":{},"layers":[${many('{}')}]}`],
    ['layers that would do', `{"schemaVersion":2,"config":${config},"layers":[${many(config)}]}`],
    ['manifests that are empty', `{"schemaVersion":2,"manifests":[${many('{}')}]}`],
    ['annotations that are numbers', `{"schemaVersion":2,"manifests":[],"annotations":{${named('0')}}}`],
    ['annotations that are empty', `{"schemaVersion":2,"manifests":[],"annotations":{${named('""')}}}`],
    ['annotations without names', `{"schemaVersion":2,"manifests":[],"annotations":[${many('0')}]}`],
    ['annotations of a subject', `{"schemaVersion":2,"manifests":[],"subject":{"annotations":{${named('0')}}}}`],
    ['annotations of a config', inConfig(`"annotations":{${named('0')}}`)],
    ['urls of a config', inConfig(`"urls":[${many('0')}]`)],
  ])('%s', (_, body) => {
    const parses = vi.spyOn(descriptorSchema, 'safeParse');
    const refusal = catchRefusal(encode(body));
    expect(parses.mock.calls.length).toBeLessThan(10);
    parses.mockRestore();
    expect(refusal.message.length).toBeLessThan(400);
    const issues = refusal.cause instanceof z.ZodError ? refusal.cause.issues : [];
    expect(issues.length).toBeLessThan(10);
  });

  test('parts before it are read, and none after', () => {
    const layers = [...Array<unknown>(5).fill(image.config), ...Array.from({ length: 1000 }, () => ({}))];
    const parses = vi.spyOn(descriptorSchema, 'safeParse');
    expect(catchRefusal(encode({ ...image, layers })).message).toContain('"layers.5.mediaType"');
    expect(parses).toHaveBeenCalledTimes(6);
    parses.mockRestore();
  });
});

test('as many parts as are looked up, and long annotations, are read', () => {
  const layers = Array<unknown>(MAX_PARTS).fill(image.config);
  expect(readManifest(encode({ ...image, layers })).content).toMatchObject({ layers: { length: MAX_PARTS } });
  expect(() => readManifest(encode({ ...image, layers: [...layers, image.config] }))).toThrow(
    `${MAX_PARTS + 1} layers`,
  );
  const annotations = Object.fromEntries(Array.from({ length: 390 }, (_, at) => [`a-${at}`, 'A'.repeat(10_000)]));
  expect(readManifest(encode({ ...image, annotations })).content.annotations).toEqual(annotations);
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

function catchRefusal(bytes: Uint8Array): OciError {
  try {
    readManifest(bytes);
  } catch (error) {
    if (error instanceof OciError) return error;
    throw error;
  }
  throw new Error('the manifest was read');
}
