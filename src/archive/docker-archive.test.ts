import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { packTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { IMAGE, ONE, PLAIN, TWO, configOf, file, link, savedAs } from '../../test/support/saved-archive.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { type ImageContent, readManifest } from '../oci/manifest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { readDockerArchive } from './docker-archive.ts';
import type { LayoutRepository } from './layout-repository.ts';
import { writeDockerArchive } from './write-docker-archive.ts';

const MAX_BYTES = 100_000_000;
const now = () => 0;

let scratch: ScratchFolder;
let unpackedFolders: number;

beforeEach(async () => {
  scratch = await scratchFolder('archive', bulkStorage);
  unpackedFolders = 0;
});
afterEach(() => scratch[Symbol.asyncDispose]());

const newFolder = () => path.join(scratch.path, `unpacked-${(unpackedFolders += 1)}`);
const streamOf = (bytes: Uint8Array) => ReadableStream.from<Uint8Array>([bytes]);
const read = (bytes: Uint8Array) => readDockerArchive(streamOf(bytes), { scratch: newFolder(), now });
async function contentIn(repository: LayoutRepository, digest: Digest): Promise<ImageContent> {
  const { content } = readManifest((await repository.manifest(digest)).bytes);
  if (content.kind !== 'image') throw new Error(`${digest} is an index`);
  return content;
}

async function bytesIn(repository: LayoutRepository, digest: Digest): Promise<Uint8Array> {
  return await readAll((await repository.blob(digest)).body, MAX_BYTES);
}

describe('an archive of an older docker', () => {
  test('becomes a manifest of schema 2: the config as it is, the layers compressed', async () => {
    const repository = await read(await packTar(PLAIN));
    const [image, ...others] = await repository.images();
    expect(others).toEqual([]);
    expect(image).toMatchObject({ tag: '1', reference: 'team/app:1' });
    const content = await contentIn(repository, image!.descriptor.digest);
    expect(image!.descriptor.mediaType).toBe(MEDIA_TYPES.dockerImage);
    expect(content.config).toMatchObject({ mediaType: MEDIA_TYPES.dockerConfig, digest: digestOf(configOf(ONE, TWO)) });
    const layers = await Promise.all(content.layers.map(({ digest }) => bytesIn(repository, digest)));
    expect(layers.map((layer) => gunzipSync(layer))).toEqual([ONE, TWO]);
  });

  test('becomes the same again, compressed as a whole or not, from a file or a stream', async () => {
    const bytes = await packTar(PLAIN);
    const name = path.join(scratch.path, 'archive.tar');
    await writeFile(name, bytes);
    const repositories = [
      await read(bytes),
      await read(gzipSync(bytes)),
      await readDockerArchive(name, { scratch: newFolder(), now }),
    ];
    const digests = await Promise.all(repositories.map(async (one) => (await one.resolve()).descriptor.digest));
    expect(new Set(digests).size).toBe(1);
  });

  test('may name a layer twice, by way of links too, and have its layers compressed already', async () => {
    const compressed = gzipSync(TWO, { level: 1 });
    const repository = await read(
      await packTar([
        file('a/layer.tar', ONE),
        link('b/layer.tar', '../a/layer.tar'),
        link('c/layer.tar', 'b/layer.tar', 'link'),
        file('d.tar.gz', compressed),
        file('config.json', configOf(ONE, ONE, ONE, TWO)),
        savedAs({ ...IMAGE, Layers: ['a/layer.tar', 'b/layer.tar', 'c/layer.tar', 'd.tar.gz'] }),
      ]),
    );
    const { layers } = await contentIn(repository, (await repository.resolve()).descriptor.digest);
    expect(new Set(layers.slice(0, 3).map(({ digest }) => digest)).size).toBe(1);
    expect(layers[3]?.digest).toBe(digestOf(compressed));
  });

  test('has an image for each of its names, and those without one', async () => {
    const two = { Config: 'two.json', RepoTags: null, Layers: ['a/layer.tar'] };
    const tags = ['nginx:1', 'localhost:5000/nginx:1', '<none>:<none>'];
    const repository = await read(
      await packTar([
        ...PLAIN.slice(0, 5),
        file('two.json', configOf(ONE)),
        savedAs({ ...IMAGE, RepoTags: tags }, two),
      ]),
    );
    expect((await repository.images()).map(({ reference }) => reference)).toEqual([
      'nginx:1',
      'localhost:5000/nginx:1',
      undefined,
    ]);
  });

  test('of whatever layers comes through a copy into another archive with its config and its diff IDs', async () => {
    const layer = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { maxLength: 4 }), async (layers) => {
        const config = configOf(...layers);
        const files = layers.map((bytes, nth) => file(`${nth}/layer.tar`, bytes));
        const Layers = layers.map((_, nth) => `${nth}/layer.tar`);
        // Bytes that look like a compression are taken for one.
        fc.pre(layers.every((bytes) => bytes[0] !== 0x1f && bytes[0] !== 0x28));
        const first = await read(await packTar([...files, file('config.json', config), savedAs({ ...IMAGE, Layers })]));
        const { digest } = (await first.resolve()).descriptor;
        const second = await readDockerArchive(writeDockerArchive(first, [{ digest, references: ['again:2'] }]), {
          scratch: newFolder(),
          now,
        });
        const [image] = await second.images();
        expect(image).toMatchObject({ reference: 'again:2', descriptor: { digest } });
        const content = await contentIn(second, digest);
        expect(content.config.digest).toBe(digestOf(config));
        const unpacked = await Promise.all(content.layers.map((one) => bytesIn(second, one.digest)));
        expect(unpacked.map((bytes) => digestOf(gunzipSync(bytes)))).toEqual(layers.map((bytes) => digestOf(bytes)));
      }),
      { numRuns: 20 },
    );
  });
});

describe('an archive of a newer docker', () => {
  const blobName = (bytes: string | Uint8Array) => `blobs/${digestOf(bytes).replace(':', '/')}`;
  const blobFile = (bytes: string | Uint8Array) => file(blobName(bytes), bytes);
  const describeBytes = (mediaType: string, bytes: string | Uint8Array) => ({
    mediaType,
    digest: digestOf(bytes),
    size: Buffer.byteLength(bytes),
  });
  const manifestOf = (config: string, ...layers: readonly Uint8Array[]) =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociImage,
      config: describeBytes(MEDIA_TYPES.ociConfig, config),
      layers: layers.map((layer) => describeBytes('application/vnd.oci.image.layer.v1.tar', layer)),
    });
  const layoutOf = (...manifests: readonly object[]) => [
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    file('index.json', JSON.stringify({ schemaVersion: 2, manifests })),
  ];
  const config = configOf(ONE);
  const manifest = manifestOf(config, ONE);
  const root = describeBytes(MEDIA_TYPES.ociImage, manifest);
  const blobs = [config, manifest, ONE].map(blobFile);

  test('is taken as it is, with the names of its annotations', async () => {
    const annotations = { 'io.containerd.image.name': 'docker.io/library/nginx:1' };
    const repository = await read(await packTar([...blobs, ...layoutOf({ ...root, annotations })]));
    expect(await repository.images()).toEqual([
      { tag: '1', reference: 'nginx:1', descriptor: { ...root, annotations } },
    ]);
    expect(await bytesIn(repository, digestOf(ONE))).toEqual(ONE);
  });

  test('takes the names from manifest.json where the index has none', async () => {
    const saved = savedAs({ Config: blobName(config), RepoTags: ['nginx:1', 'nginx:2'], Layers: [blobName(ONE)] });
    const repository = await read(await packTar([...blobs, ...layoutOf(root), saved]));
    expect((await repository.images()).map(({ reference }) => reference)).toEqual(['nginx:1', 'nginx:2']);
  });

  test('with an index of which it has but one platform is the image of that one', async () => {
    const absent = describeBytes(MEDIA_TYPES.ociImage, 'absent');
    const all = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [root, absent] });
    const annotations = { 'io.containerd.image.name': 'docker.io/library/nginx:1' };
    const repository = await read(
      await packTar([
        ...blobs,
        blobFile(all),
        ...layoutOf({ ...describeBytes(MEDIA_TYPES.ociIndex, all), annotations }),
      ]),
    );
    expect(await repository.images()).toEqual([
      { tag: '1', reference: 'nginx:1', descriptor: { ...root, annotations } },
    ]);
  });

  test('with an index of which it has some platforms is an index of these', async () => {
    const [otherConfig, otherManifest] = [configOf(TWO), manifestOf(configOf(TWO), TWO)];
    const other = describeBytes(MEDIA_TYPES.ociImage, otherManifest);
    const absent = describeBytes(MEDIA_TYPES.ociImage, 'absent');
    const all = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [root, absent, other] });
    const more = [otherConfig, otherManifest, TWO, all].map(blobFile);
    const repository = await read(
      await packTar([...blobs, ...more, ...layoutOf(describeBytes(MEDIA_TYPES.ociIndex, all))]),
    );
    const { digest } = (await repository.resolve()).descriptor;
    const { content } = readManifest((await repository.manifest(digest)).bytes);
    expect(content).toMatchObject({ kind: 'index', manifests: [root, other] });
  });

  const wrongConfig = configOf(TWO);
  const wrongManifest = manifestOf(wrongConfig, ONE);
  test.each([
    ['lacks a layer', [...blobs.slice(0, 2), ...layoutOf(root)], /lacks sha256:/],
    ['lacks its manifest', layoutOf(root), /lacks the manifest/],
    [
      'has other bytes under a digest',
      [file(blobName(ONE), TWO), ...layoutOf(root)],
      /other bytes under "blobs\/sha256\//,
    ],
    [
      'has a layer that its config does not have',
      [
        ...[wrongConfig, wrongManifest, ONE].map(blobFile),
        ...layoutOf(describeBytes(MEDIA_TYPES.ociImage, wrongManifest)),
      ],
      /layer 1 of .* is another one than the image's config says/,
    ],
  ])('that %s is refused', async (_, entries, message) => {
    await expectRefused(await packTar(entries), message);
  });
});

async function expectRefused(bytes: Uint8Array, message: RegExp): Promise<void> {
  const folder = newFolder();
  const attempt = readDockerArchive(streamOf(bytes), { scratch: folder, now });
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
}
