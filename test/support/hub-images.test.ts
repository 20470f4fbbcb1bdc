import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { CatalogImage } from '../../src/catalog/catalog.ts';
import { officialImages } from '../../src/catalog/official-images/official-images-catalog.ts';
import { attestedDigest } from '../../src/oci/descriptor.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import { imageIn, indexIn } from './image-in.ts';

const NGINX = 'library/nginx';
const nginx = catalogImage('nginx', ['1.27-trixie', 'latest'], ['linux/amd64', 'linux/arm64/v8']);
const perl = catalogImage('nginx', ['1.27-trixie-perl'], ['linux/amd64']);

describe('a generated image', () => {
  test('is the same every time, and all its tags mean it', async () => {
    await using hub = await startHub({ images: [nginx, perl] });
    await using again = await startHub({ images: [nginx, perl] });
    expect(hub.digestOf(NGINX, 'latest')).toBe(again.digestOf(NGINX, 'latest'));
    expect(hub.digestOf(NGINX, 'latest')).toBe(hub.digestOf(NGINX, '1.27-trixie'));
    expect(hub.digestOf(NGINX, 'latest')).not.toBe(hub.digestOf(NGINX, '1.27-trixie-perl'));
  });

  test('has an image and an attestation of it for each platform', async () => {
    await using hub = await startHub({ images: [nginx] });
    const [amd64, amd64Attestation, arm64, arm64Attestation] = indexIn(hub, NGINX, 'latest').manifests;
    expect(amd64?.platform).toEqual({ os: 'linux', architecture: 'amd64' });
    expect(arm64?.platform).toEqual({ os: 'linux', architecture: 'arm64', variant: 'v8' });
    expect(amd64Attestation?.platform).toEqual({ os: 'unknown', architecture: 'unknown' });
    expect(amd64Attestation && attestedDigest(amd64Attestation)).toBe(amd64?.digest);
    expect(arm64Attestation && attestedDigest(arm64Attestation)).toBe(arm64?.digest);
    const { layers } = imageIn(hub, NGINX, amd64Attestation?.digest ?? '');
    expect(layers.map((layer) => layer.annotations?.['in-toto.io/predicate-type'])).toEqual([
      'https://spdx.dev/Document',
      'https://slsa.dev/provenance/v0.2',
    ]);
    const statement = JSON.parse(bytesOf(hub, NGINX, layers[0]!.digest).toString()) as { subject: unknown };
    expect(statement.subject).toMatchObject([{ digest: { sha256: amd64?.digest.slice('sha256:'.length) } }]);
  });

  test('has a config whose diff ids are the digests of what the layers unpack to', async () => {
    await using hub = await startHub({ images: [nginx] });
    const { config, layers } = imageIn(hub, NGINX, indexIn(hub, NGINX, 'latest').manifests[0]!.digest);
    const { rootfs, os, architecture } = JSON.parse(bytesOf(hub, NGINX, config.digest).toString()) as {
      os: string;
      architecture: string;
      rootfs: { diff_ids: string[] };
    };
    expect([os, architecture]).toEqual(['linux', 'amd64']);
    const unpacked = layers.map(({ digest }) => digestOf(gunzipSync(bytesOf(hub, NGINX, digest))));
    expect(rootfs.diff_ids).toEqual(unpacked);
  });

  test('shares its base with images on the same distribution, in other repositories too', async () => {
    const redis = catalogImage('redis', ['8-trixie']);
    await using hub = await startHub({ images: [nginx, perl, redis] });
    const layersOf = (repository: string, tag: string): Digest[] => {
      const child = indexIn(hub, repository, tag).manifests[0]!.digest;
      return imageIn(hub, repository, child).layers.map(({ digest }) => digest);
    };
    const [base, own] = layersOf(NGINX, 'latest');
    expect(layersOf(NGINX, '1.27-trixie-perl')).toEqual([base, expect.not.stringMatching(own!)]);
    expect(layersOf('library/redis', '8-trixie')[0]).toBe(base);
  });

  test('has layers as large as wanted, of which each costs next to no memory', async () => {
    await using hub = await startHub({ images: [nginx, perl], layerBytes: 5_000_000 });
    const children = hub.expected().flatMap((tag) => tag.children);
    const layers = new Set(children.flatMap((digest) => imageIn(hub, NGINX, digest).layers))
      .values()
      .filter(({ mediaType }) => mediaType === MEDIA_TYPES.ociLayerGzip)
      .map(({ digest }) => hub.content.blob(NGINX, digest)!)
      .toArray();
    for (const layer of layers) expect(Math.abs(layer.sizeBytes - 5_000_000)).toBeLessThan(5000);
    expect(new Set(layers.map(({ parts }) => parts[0])).size).toBe(1);
  });

  test('keeps its base when it is rebuilt, and the old build stays, by digest', async () => {
    await using hub = await startHub({ images: [nginx, perl] });
    const [before, other] = [hub.digestOf(NGINX, 'latest'), hub.digestOf(NGINX, '1.27-trixie-perl')];
    const oldImage = imageIn(hub, NGINX, indexIn(hub, NGINX, 'latest').manifests[0]!.digest);
    hub.rebuild(NGINX, '1.27-trixie');
    expect(hub.digestOf(NGINX, 'latest')).not.toBe(before);
    expect(hub.digestOf(NGINX, '1.27-trixie-perl')).toBe(other);
    const image = imageIn(hub, NGINX, indexIn(hub, NGINX, 'latest').manifests[0]!.digest);
    expect(image.layers[0]).toEqual(oldImage.layers[0]);
    expect(image.layers[1]).not.toEqual(oldImage.layers[1]);
    expect(hub.content.manifest(NGINX, before)?.digest).toBe(before);
  });
});

test('a shared tag over Linux and Windows is an index of the images of others', async () => {
  const linux = catalogImage('golang', ['1.26-trixie'], ['linux/amd64']);
  const windows = catalogImage('golang', ['1.26-windowsservercore-ltsc2025'], ['windows/amd64']);
  const shared = catalogImage('golang', ['1.26', 'latest'], ['linux/amd64', 'windows/amd64']);
  await using hub = await startHub({ images: [linux, windows, shared] });
  const childrenOf = (tag: string): Digest[] =>
    indexIn(hub, 'library/golang', tag).manifests.map(({ digest }) => digest);
  expect(childrenOf('latest')).toEqual([
    ...childrenOf('1.26-trixie'),
    ...childrenOf('1.26-windowsservercore-ltsc2025'),
  ]);
  const [entry, ...attestations] = indexIn(hub, 'library/golang', '1.26-windowsservercore-ltsc2025').manifests;
  expect(entry?.platform).toMatchObject({ os: 'windows', 'os.version': '10.0.26100.4946' });
  expect(attestations).toEqual([]);
  const before = hub.digestOf('library/golang', 'latest');
  hub.rebuild('library/golang', '1.26-trixie');
  const between = hub.digestOf('library/golang', 'latest');
  expect(between).not.toBe(before);
  hub.rebuild('library/golang', 'latest');
  expect(hub.digestOf('library/golang', 'latest')).not.toBe(between);
});

test('anything can be published at a tag, and a tag can be taken away', async () => {
  await using hub = await startHub({ images: [nginx] });
  const bytes = Buffer.from('{"schemaVersion":1}');
  const blob = Buffer.from('some blob');
  const mediaType = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
  hub.publish(NGINX, 'odd', { bytes, mediaType, blobs: [blob] });
  expect(hub.digestOf(NGINX, 'odd')).toBe(digestOf(bytes));
  expect(bytesOf(hub, NGINX, digestOf(blob))).toEqual(blob);
  hub.remove(NGINX, 'latest');
  expect(() => hub.digestOf(NGINX, 'latest')).toThrow('the hub has no library/nginx:latest');
  expect(hub.expected().map(({ tag }) => tag)).toEqual(['1.27-trixie']);
});

const BUNDLE = fileURLToPath(new URL('../../../shared/data/official-images.bundle', import.meta.url));

describe.skipIf(!existsSync(BUNDLE))('the real library (skipped without ../shared/data/official-images.bundle)', () => {
  test('gives the manifests and blobs of six real repositories, within three percent', async () => {
    const six = new Set(['alpine', 'busybox', 'nginx', 'redis', 'debian', 'httpd']);
    const images = (await realLibrary()).filter(({ name }) => six.has(name));
    await using hub = await startHub({ images });
    const { tags, indexes, manifests, blobs, mediaTypes } = countsOf(hub);
    expect({ images: images.length, tags, indexes, manifests }).toEqual({
      images: 73,
      tags: 311,
      indexes: 73,
      manifests: 1073,
    });
    expect(Math.abs(blobs / 2582 - 1)).toBeLessThan(0.03);
    expect(mediaTypes).toEqual(new Set([MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerIndex]));
  });

  test('can be generated as a whole in seconds', async () => {
    const images = await realLibrary();
    const started = performance.now();
    await using hub = await startHub({ images });
    const { tags, manifests } = countsOf(hub);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(tags).toBe(9849);
    expect(Math.abs(manifests / 18_000 - 1)).toBeLessThan(0.03);
  });
});

async function realLibrary(): Promise<readonly CatalogImage[]> {
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'library-'));
  try {
    const catalog = officialImages({
      repository: BUNDLE,
      revision: '2026-08-21',
      cacheDirectory,
      now: () => new Date(),
    });
    return (await catalog.list()).images;
  } finally {
    rmSync(cacheDirectory, { recursive: true });
  }
}

function countsOf(hub: Hub) {
  const expected = hub.expected();
  const indexes = new Map(expected.map(({ repository, digest }) => [digest, repository]));
  const children = new Map(expected.flatMap((tag) => tag.children.map((digest) => [digest, tag.repository])));
  const blobs = new Set<Digest>();
  for (const [digest, repository] of children) {
    const { config, layers } = imageIn(hub, repository, digest);
    for (const blob of [config, ...layers]) blobs.add(blob.digest);
  }
  const types = [...indexes].map(([digest, repository]) => hub.content.manifest(repository, digest)?.mediaType);
  return {
    tags: expected.length,
    indexes: indexes.size,
    manifests: indexes.size + children.size,
    blobs: blobs.size,
    mediaTypes: new Set(types),
  };
}

function bytesOf(hub: Hub, repository: string, digest: Digest): Buffer {
  return Buffer.concat(hub.content.blob(repository, digest)?.parts ?? []);
}
