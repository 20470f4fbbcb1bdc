import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { flipByte } from '../../test/support/content/blob-folder-world.ts';
import {
  type Graph,
  blobsOf,
  forPlatform,
  image,
  index,
  manifestsOf,
  textBlob,
} from '../../test/support/image-graph.ts';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { type Tag, parseTag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { LayoutRepository } from './layout-repository.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const CONTAINERD_NAME = 'io.containerd.image.name';
const NOW = Date.parse('2026-01-02T03:04:05Z');
const options = { now: () => NOW };
const [V1, V2] = [parseTag('1'), parseTag('2')];

interface IndexFile {
  readonly manifests: readonly Descriptor[];
}

let scratch: ScratchFolder;
let folder: string;
let repository: LayoutRepository;

beforeEach(async () => {
  scratch = await scratchFolder('layout-repository', bulkStorage);
  folder = path.join(scratch.path, 'layout');
  repository = await LayoutRepository.openOrCreate(folder, options);
});
afterEach(() => scratch[Symbol.asyncDispose]());

const entries = async () =>
  (JSON.parse(await readFile(path.join(folder, 'index.json'), 'utf8')) as IndexFile).manifests;
const rewrite = (content: object) =>
  writeFile(path.join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, ...content }));
const digestAt = async (tag?: Tag) => (await repository.resolve(tag)).descriptor.digest;
const fileOf = (digest: Digest) => path.join(folder, 'blobs', ...digest.split(':'));

async function pushBlobs(graph: Graph): Promise<void> {
  for (const { digest, parts, sizeBytes } of blobsOf(graph)) {
    const descriptor = { mediaType: 'application/octet-stream', digest, size: sizeBytes };
    await repository.push(descriptor, () => Promise.resolve(ReadableStream.from(parts)));
  }
}

/** As a copy does it: children before parents, the tags last. */
async function putGraph(graph: Graph, ...tags: readonly Tag[]): Promise<void> {
  await pushBlobs(graph);
  for (const manifest of manifestsOf(graph)) await repository.put(manifest, manifest === graph.manifest ? tags : []);
}

describe('a layout as a target', () => {
  test('gives back what was put, as of now, and hashes it', async () => {
    const graph = image('a');
    await putGraph(graph, V1);
    const { descriptor, asOf } = await repository.resolve(V1);
    expect(descriptor).toEqual({ ...graph.descriptor, annotations: { [REF_NAME]: '1' } });
    expect(asOf).toEqual(new Date(NOW));
    expect(await repository.manifest(descriptor.digest)).toEqual(graph.manifest);
    const [blob] = graph.blobs;
    const { sizeBytes, body } = await repository.blob(blob!.digest);
    expect(sizeBytes).toBe(blob!.sizeBytes);
    expect(digestOf(await readAll(body, 1000))).toBe(blob!.digest);
    await flipByte(fileOf(blob!.digest));
    await expect(repository.blob(blob!.digest)).rejects.toHaveProperty('code', 'DIGEST_INVALID');
  });

  test('a tag that moves keeps its place, and all others stay', async () => {
    await putGraph(image('a'), V1);
    await putGraph(image('b'), V2);
    await putGraph(image('c'), V1);
    expect((await entries()).map((entry) => [entry.annotations?.[REF_NAME], entry.digest])).toEqual([
      ['1', image('c').manifest.digest],
      ['2', image('b').manifest.digest],
    ]);
  });

  test('only the root of a graph has an entry, also when it was put in pieces', async () => {
    const graph = index(forPlatform(image('a'), 'linux/amd64'), forPlatform(image('b'), 'linux/arm64'));
    await putGraph(graph, V1);
    expect(await entries()).toEqual([{ ...graph.descriptor, annotations: { [REF_NAME]: '1' } }]);
    await repository.put(graph.children[0]!.manifest, []);
    expect(await entries()).toHaveLength(1);
  });

  test('what nothing names has an entry without a name, until it gets one', async () => {
    const graph = image('a');
    await putGraph(graph);
    await putGraph(graph);
    expect(await entries()).toEqual([graph.descriptor]);
    expect(await digestAt()).toBe(graph.manifest.digest);
    await repository.put(graph.manifest, [V1, V2]);
    expect((await repository.images()).map(({ tag }) => tag)).toEqual(['1', '2']);
  });

  test('what others wrote is kept: entries, annotations and fields that nobody here knows', async () => {
    const other = image('other');
    await putGraph(other);
    const known = { ...other.descriptor, annotations: { 'com.example.a': 'b' }, data: 'e30=', 'x-field': [1] };
    const platform = { os: 'linux', architecture: 'amd64', 'os.features': ['x'] };
    const manifests = [{ ...known, platform }];
    await rewrite({ mediaType: 'x', manifests, annotations: { c: 'd' }, 'x-more': { y: 1 } });
    await putGraph(image('ours'), V1);
    const written = JSON.parse(await readFile(path.join(folder, 'index.json'), 'utf8')) as IndexFile;
    expect(written).toMatchObject({ annotations: { c: 'd' }, 'x-more': { y: 1 } });
    expect(written.manifests[0]).toEqual(manifests[0]);
    expect(written.manifests).toHaveLength(2);
  });

  test('of many puts at once none is lost, even through two objects', async () => {
    const twin = await LayoutRepository.open(folder, options);
    const graphs = Array.from({ length: 12 }, (_, nth) => image(`i${nth}`, ['shared']));
    for (const graph of graphs) await pushBlobs(graph);
    await Promise.all(
      graphs.map(({ manifest }, nth) => (nth % 2 === 0 ? repository : twin).put(manifest, [parseTag(`t${nth}`)])),
    );
    expect((await repository.listTags()).size).toBe(12);
  });

  test('a manifest whose parts are not there is refused, and changes nothing', async () => {
    const graph = image('a');
    await expect(repository.put(graph.manifest, [V1])).rejects.toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN');
    expect(await entries()).toEqual([]);
  });

  test('a blob is sent once, again only where its file is damaged, and never when its bytes are wrong', async () => {
    const { digest, sizeBytes: size, parts } = textBlob('hello');
    const blob = { mediaType: 'application/octet-stream', digest, size };
    const open = () => Promise.resolve(ReadableStream.from(parts));
    expect(await repository.push(blob, open)).toBe('sent');
    expect(await repository.push(blob, open)).toBe('present');
    await flipByte(fileOf(digest));
    expect(await repository.push(blob, open)).toBe('sent');
    const wrong = { ...blob, digest: digestOf('other', 'sha512') };
    await expect(repository.push(wrong, open)).rejects.toHaveProperty('code', 'DIGEST_INVALID');
    expect(await repository.statBlob(wrong.digest)).toBeUndefined();
    expect(await readdir(path.join(folder, '.wharf-v1', 'uploads'))).toEqual([]);
  });

  test('a manifest may have a sha512 digest', async () => {
    const graph = image('a');
    await pushBlobs(graph);
    const manifest = { ...graph.manifest, digest: digestOf(graph.manifest.bytes, 'sha512') };
    await repository.put(manifest, [V1]);
    expect(await digestAt(V1)).toBe(manifest.digest);
    expect(await repository.manifest(manifest.digest)).toEqual(manifest);
  });

  test('a deleted tag takes its entry along and nothing else', async () => {
    await putGraph(image('a'), V1, V2);
    expect(await repository.deleteTag(V1)).toBe(true);
    expect(await repository.deleteTag(V1)).toBe(true);
    expect([...(await repository.listTags())]).toEqual(['2']);
    expect(await repository.manifest(image('a').manifest.digest)).toEqual(image('a').manifest);
  });

  test('whatever is tagged, moved and deleted, the tags mean what was said last', async () => {
    const tag = fc.constantFrom('1', '2', '3').map(parseTag);
    const step = fc.record({ tag, graph: fc.option(fc.nat(3)) });
    const graphs = Array.from({ length: 4 }, (_, nth) => image(`p${nth}`, ['shared']));
    await Promise.all(graphs.map(pushBlobs));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        await rewrite({ manifests: [] });
        const model = new Map<Tag, Digest>();
        for (const { tag, graph } of steps) {
          const chosen = graph === null ? undefined : graphs[graph]!.manifest;
          if (chosen === undefined) {
            model.delete(tag);
            await repository.deleteTag(tag);
          } else {
            model.set(tag, chosen.digest);
            await repository.put(chosen, [tag]);
          }
        }
        const images = await repository.images();
        expect(new Map(images.map(({ tag, descriptor }) => [tag, descriptor.digest]))).toEqual(model);
        expect(images).toHaveLength(model.size);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the names in a layout', () => {
  const [a, b] = [image('a'), image('b')];
  const named = (graph: Graph, annotations: Record<string, string>) => ({ ...graph.descriptor, annotations });

  beforeEach(async () => {
    await putGraph(a);
    await putGraph(b);
  });

  test.each([
    ['a tag', { [REF_NAME]: '1' }, undefined],
    ['a whole reference', { [REF_NAME]: 'docker.io/library/nginx:1' }, 'nginx:1'],
    ['the name that containerd writes', { [CONTAINERD_NAME]: 'ghcr.io/o/x:1' }, 'ghcr.io/o/x:1'],
    ['both', { [REF_NAME]: '1', [CONTAINERD_NAME]: 'docker.io/library/nginx:1' }, 'nginx:1'],
  ])('are found by their tag when they are %s', async (_, annotations, reference) => {
    await rewrite({ manifests: [named(a, annotations), named(b, { [REF_NAME]: '2' })] });
    expect(await digestAt(V1)).toBe(a.manifest.digest);
    expect((await repository.images())[0]).toMatchObject({ tag: '1', reference });
    await repository.put(b.manifest, [V1]);
    expect((await entries())[0]).toEqual(named(b, annotations));
  });

  test('that cannot be read are left alone', async () => {
    await rewrite({ manifests: [named(a, { [REF_NAME]: 'no name at all' })] });
    expect(await repository.images()).toEqual([
      { tag: undefined, reference: undefined, descriptor: named(a, { [REF_NAME]: 'no name at all' }) },
    ]);
    await repository.put(b.manifest, [V1]);
    expect((await entries())[0]).toEqual(named(a, { [REF_NAME]: 'no name at all' }));
  });

  test('of two tags in one entry move each on its own', async () => {
    await rewrite({ manifests: [named(a, { [REF_NAME]: '1', [CONTAINERD_NAME]: 'docker.io/library/nginx:2' })] });
    await repository.put(b.manifest, [V2]);
    expect(await digestAt(V1)).toBe(a.manifest.digest);
    expect(await digestAt(V2)).toBe(b.manifest.digest);
  });

  test('that could mean several images are refused, and the message lists these', async () => {
    const manifests = [named(a, { [REF_NAME]: 'nginx:1' }), named(b, { [REF_NAME]: 'redis:1' })];
    await rewrite({ manifests });
    const attempts = [() => repository.resolve(V1), () => repository.resolve(), () => repository.put(a.manifest, [V1])];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toThrow(UsageError);
      await expect(attempt()).rejects.toThrow(/nginx:1, redis:1/);
    }
    await expect(repository.deleteTag(V1)).rejects.toThrow(UsageError);
    expect(await entries()).toEqual(manifests);
  });

  test('that are not there are MANIFEST_UNKNOWN, and the message lists those that are', async () => {
    await rewrite({ manifests: [named(a, { [REF_NAME]: '1' })] });
    await expect(repository.resolve(V2)).rejects.toThrow(/no image of the tag 2; there is 1$/);
    await expect(repository.resolve(V2)).rejects.toHaveProperty('code', 'MANIFEST_UNKNOWN');
    await rewrite({ manifests: [] });
    await expect(repository.resolve()).rejects.toHaveProperty('code', 'MANIFEST_UNKNOWN');
  });

  test('are not needed: a manifest is found by its digest, and a blob is no manifest', async () => {
    await rewrite({ manifests: [] });
    expect(await repository.resolve(a.manifest.digest)).toHaveProperty('descriptor', a.descriptor);
    for (const digest of [a.blobs[0]!.digest, digestOf('nothing')]) {
      await expect(repository.resolve(digest)).rejects.toHaveProperty('code', 'MANIFEST_UNKNOWN');
    }
  });
});
