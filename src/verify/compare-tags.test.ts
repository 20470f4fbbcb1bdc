import { expect, test } from 'vitest';
import { type Graph, forPlatform, image, index } from '../../test/support/image-graph.ts';
import { digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { comparePlatforms, compareTag } from './compare-tags.ts';

const ONE = { mediaType: MEDIA_TYPES.ociIndex, digest: digestOf('one'), size: 3 };

test('a tag is the same by its digest and its media type; sizes are not asked', () => {
  expect(compareTag(ONE, { ...ONE, size: 0 })).toBe('same');
  expect(compareTag(ONE, { ...ONE, mediaType: MEDIA_TYPES.dockerIndex })).toBe('mediaType');
  expect(compareTag(ONE, { ...ONE, digest: digestOf('two') })).toBe('different');
  expect(compareTag(ONE, { ...ONE, digest: digestOf('two'), mediaType: MEDIA_TYPES.dockerIndex })).toBe('different');
});

const AMD64 = image('amd64');
const ARM64 = image('arm64');
const PARTS = [
  { platform: 'linux/amd64', digest: AMD64.manifest.digest, sizeBytes: 1 },
  { platform: 'linux/arm64', digest: ARM64.manifest.digest, sizeBytes: 1 },
  { platform: 'unknown/unknown', digest: digestOf('attestation'), sizeBytes: 1 },
];
const contentOf = (...graphs: readonly Graph[]) => readManifest(index(...graphs).manifest.bytes).content;

test('an index with a part of the platforms is told from one of other images', () => {
  const subset = contentOf(forPlatform(AMD64, 'linux/amd64'));
  expect(comparePlatforms(PARTS, subset)).toBe("the authority's image digest for linux/amd64; it has no other");
  const mixed = contentOf(forPlatform(AMD64, 'linux/amd64'), forPlatform(image('other'), 'linux/arm64'));
  expect(comparePlatforms(PARTS, mixed)).toBe(
    `the authority's image digest for linux/amd64; others are linux/arm64 ${image('other').manifest.digest}`,
  );
  const others = contentOf(forPlatform(image('other'), 'linux/amd64'));
  expect(comparePlatforms(PARTS, others)).toBe("no platform has the authority's image digest");
});

test('nothing is said of platforms where the authority named none', () => {
  expect(comparePlatforms(undefined, contentOf(forPlatform(AMD64, 'linux/amd64')))).toBeUndefined();
  expect(comparePlatforms(PARTS, readManifest(AMD64.manifest.bytes).content)).toBeUndefined();
});
