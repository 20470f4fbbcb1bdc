import path from 'node:path';
import { createTarDecoder, packTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { PLAIN } from '../../test/support/saved-archive.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { readDockerArchive } from './docker-archive.ts';
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

describe('an archive that we write', () => {
  async function namesIn(stream: ReadableStream<Uint8Array>): Promise<string[]> {
    const names: string[] = [];
    for await (const { header, body } of stream.pipeThrough(createTarDecoder({ strict: true }))) {
      names.push(header.name);
      expect(header.mtime).toEqual(new Date(0));
      await readAll(body, MAX_BYTES);
    }
    return names;
  }

  test('is the same each time, its entries sorted, and each blob in it once', async () => {
    const repository = await read(await packTar(PLAIN));
    const { digest } = (await repository.resolve()).descriptor;
    const images = [
      { digest, references: ['b:1', 'a:2'] },
      { digest, references: ['c'] },
    ];
    const [one, two] = await Promise.all([1, 2].map(() => readAll(writeDockerArchive(repository, images), MAX_BYTES)));
    expect(Buffer.from(one!).equals(two!)).toBe(true);
    const names = await namesIn(streamOf(one!));
    expect(names).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(names.slice(-3)).toEqual(['index.json', 'manifest.json', 'oci-layout']);
    expect(new Set(names).size).toBe(names.length);
    const again = await read(one!);
    expect((await again.images()).map(({ reference }) => reference)).toEqual(['b:1', 'a:2', 'c:latest']);
  });

  test('takes one platform: an index of several is refused, and the message lists them', async () => {
    const repository = await read(await packTar(PLAIN));
    const { digest, mediaType, size } = (await repository.resolve()).descriptor;
    const indexOf = async (...platforms: readonly string[]) => {
      const manifests = platforms.map((architecture) => ({
        mediaType,
        digest,
        size,
        platform: { os: 'linux', architecture },
      }));
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }));
      const manifest = { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociIndex, bytes };
      await repository.put(manifest, []);
      return [{ digest: manifest.digest, references: ['nginx:1'] }];
    };
    const several = readAll(writeDockerArchive(repository, await indexOf('amd64', 'arm64')), MAX_BYTES);
    await expect(several).rejects.toThrow(UsageError);
    await expect(several).rejects.toThrow(/nginx:1 is of several platforms.*linux\/amd64, linux\/arm64$/);
    const single = await read(await readAll(writeDockerArchive(repository, await indexOf('amd64')), MAX_BYTES));
    expect((await single.resolve()).descriptor.digest).toBe(digest);
  });

  test('needs an image, and names that docker can load', async () => {
    const repository = await read(await packTar(PLAIN));
    const { digest } = (await repository.resolve()).descriptor;
    const write = (...images: Parameters<typeof writeDockerArchive>[1]) =>
      readAll(writeDockerArchive(repository, images), MAX_BYTES);
    await expect(write()).rejects.toThrow(/an archive without an image/);
    await expect(write({ digest, references: ['A B'] })).rejects.toThrow(/"A B" is not the name of an image/);
    await expect(write({ digest, references: [`a@${digest}`] })).rejects.toThrow(/by its digest/);
  });

  test('can be left half-read', async () => {
    const repository = await read(await packTar(PLAIN));
    const { digest } = (await repository.resolve()).descriptor;
    const reader = writeDockerArchive(repository, [{ digest, references: [] }]).getReader();
    await reader.read();
    await reader.cancel();
    expect((await reader.read()).done).toBe(true);
  });
});
