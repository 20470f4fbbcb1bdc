import { describe, expect, test } from 'vitest';
import { type Graph, attestationOf, forPlatform, image, index } from '../../test/support/image-graph.ts';
import { digestOf } from '../oci/digest.ts';
import { readManifest } from '../oci/manifest.ts';
import { parsePlatform } from '../oci/platform.ts';
import { costOf } from './cost.ts';
import { subsetIndex } from './platform-subset.ts';

const AMD64 = forPlatform(image('amd64'), 'linux/amd64');
const ARM_V6 = forPlatform(image('v6'), 'linux/arm/v6');
const ARM_V7 = forPlatform(image('v7'), 'linux/arm/v7');
const ARM64 = forPlatform(image('arm64'), 'linux/arm64/v8');
const HELM_CHART = image('names no platform');
const ALL = [AMD64, attestationOf(AMD64), ARM_V6, ARM_V7, attestationOf(ARM_V7), ARM64];

/** The names of the chosen images, and the digest of the rewritten index. */
function subset(graphs: readonly Graph[], ...platforms: readonly string[]) {
  const { manifest } = index(...graphs);
  const { content } = readManifest(manifest.bytes);
  if (content.kind !== 'index') throw new Error('it is an index');
  const chosen = subsetIndex(manifest, content, platforms.map(parsePlatform));
  const names = readManifest(chosen.bytes).content;
  return {
    manifest: chosen,
    entries: names.kind === 'index' ? names.manifests.map(({ digest }) => digest) : [],
    isUnchanged: chosen === manifest,
  };
}

const digests = (...graphs: readonly Graph[]) => graphs.map(({ manifest }) => manifest.digest);

describe('a subset of an index', () => {
  test('has the chosen platforms and the attestations of these', () => {
    expect(subset(ALL, 'linux/amd64').entries).toEqual(digests(AMD64, attestationOf(AMD64)));
    expect(subset(ALL, 'linux/amd64', 'linux/arm64').entries).toEqual(digests(AMD64, attestationOf(AMD64), ARM64));
  });

  test('has every variant where none is named, and else only that one', () => {
    expect(subset(ALL, 'linux/arm').entries).toEqual(digests(ARM_V6, ARM_V7, attestationOf(ARM_V7)));
    expect(subset(ALL, 'linux/arm/v6').entries).toEqual(digests(ARM_V6));
  });

  test('keeps what names no platform', () => {
    expect(subset([...ALL, HELM_CHART], 'linux/arm64').entries).toEqual(digests(ARM64, HELM_CHART));
  });

  test('that leaves nothing out is the index itself, to the byte', () => {
    expect(subset([AMD64, ARM64], 'linux/amd64', 'linux/arm64').isUnchanged).toBe(true);
  });

  test('keeps all else of the index, under the digest of its own bytes', () => {
    const { manifest } = subset(ALL, 'linux/arm64');
    expect(manifest.digest).toBe(digestOf(manifest.bytes));
    expect(readManifest(manifest.bytes).mediaType).toBe(index().manifest.mediaType);
  });

  test('that has nothing is an error that names what was wanted', () => {
    expect(() => subset(ALL, 'windows/amd64', 'linux/s390x')).toThrow(
      'the image has none of windows/amd64, linux/s390x',
    );
  });
});

describe('the cost of an image', () => {
  const descriptor = { ...AMD64.descriptor, size: 0 };

  test('is a pull for each manifest that the authority spoke of, and the bytes of these', () => {
    const parts = [
      { platform: 'linux/amd64', sizeBytes: 70 },
      { platform: 'unknown/unknown', sizeBytes: 5 },
    ];
    const manifests = [descriptor.digest];
    expect(costOf({ descriptor, parts }, [])).toEqual({ pulls: 3, bytes: 75, isKnown: true, manifests });
  });

  test('is guessed from the platforms that the catalog promised, each with its attestation', () => {
    expect(costOf({ descriptor }, [parsePlatform('linux/amd64')])).toMatchObject({
      pulls: 3,
      bytes: 0,
      isKnown: false,
    });
  });

  test('of chosen platforms is theirs alone, each with an attestation', () => {
    const attestation = { platform: 'unknown/unknown', sizeBytes: 5 };
    const parts = [
      { platform: 'linux/amd64', sizeBytes: 70 },
      { platform: 'linux/arm64/v8', sizeBytes: 60, digest: ARM64.descriptor.digest },
      attestation,
      attestation,
    ];
    const manifests = [descriptor.digest, ARM64.descriptor.digest];
    const chosen = [parsePlatform('linux/arm64')];
    expect(costOf({ descriptor, parts }, [], chosen)).toEqual({ pulls: 3, bytes: 65, isKnown: true, manifests });
    expect(costOf({ descriptor }, [], chosen)).toMatchObject({ pulls: 3, isKnown: false });
  });

  test('is that of a full official image where nothing is known', () => {
    expect(costOf({ descriptor, parts: [] }, [])).toMatchObject({ pulls: 19, isKnown: false });
  });
});
