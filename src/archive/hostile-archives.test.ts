import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type TarEntry, packTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { IMAGE, ONE, PLAIN, TWO, configOf, file, link, savedAs } from '../../test/support/saved-archive.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readDockerArchive } from './docker-archive.ts';

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

async function expectRefused(bytes: Uint8Array, message: RegExp): Promise<void> {
  const folder = newFolder();
  const attempt = readDockerArchive(streamOf(bytes), { scratch: folder, now });
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual([]);
}

describe('a hostile archive is refused in a sentence, and leaves nothing behind:', () => {
  const device = (type: 'character-device' | 'fifo'): TarEntry => ({ header: { name: 'x', size: 0, type } });
  const without = (name: string) => PLAIN.filter(({ header }) => header.name !== name);

  test.each<[string, readonly TarEntry[], RegExp]>([
    ['a name that leads out', [...PLAIN, file('a/../../x', '')], /"a\/\.\.\/\.\.\/x", which is not within it/],
    ['an absolute name', [...PLAIN, file('/etc/passwd', '')], /"\/etc\/passwd", which is not within it/],
    ['a folder that leads out', [{ header: { name: '../x/', size: 0, type: 'directory' } }], /not within it/],
    ['a name too long', [file('x'.repeat(2000), '')], /"x{100}…", which is not within it/],
    ['a link that leads out', [...PLAIN, link('x', '../y')], /a link "x" that leads out of it, to "\.\.\/y"/],
    ['an absolute link', [...PLAIN, link('x', '/etc/shadow', 'link')], /leads out of it/],
    ['a device', [...PLAIN, device('character-device')], /a character-device of the name "x"/],
    ['a pipe', [...PLAIN, device('fifo')], /a fifo of the name "x"/],
    ['one name twice', [...PLAIN, file('./config.json', '{}')], /two entries of the name "config\.json"/],
    [
      'links in a circle',
      [...without('a/layer.tar'), link('a/layer.tar', 'x'), link('a/x', 'layer.tar')],
      /no file "a\/layer/,
    ],
    ['a layer that is not there', without('b/layer.tar'), /no file "b\/layer\.tar"/],
    ['a config that is not there', without('config.json'), /no file "config\.json"/],
    [
      'a config that is none',
      [...without('config.json'), file('config.json', '[]')],
      /the config of team\/app:1 .* is invalid/,
    ],
    ['no manifest.json', without('manifest.json'), /holds no image/],
    [
      'a manifest.json that is no JSON',
      [...without('manifest.json'), file('manifest.json', '{')],
      /manifest\.json of .* is not JSON/,
    ],
    [
      'a name that is none',
      [...without('manifest.json'), savedAs({ ...IMAGE, RepoTags: ['A B'] })],
      /"A B" is not the name/,
    ],
    [
      'layers in another order',
      [...without('config.json'), file('config.json', configOf(TWO, ONE))],
      /layer 1 of team\/app:1 in the archive, "a\/layer\.tar", is another one than/,
    ],
    [
      'a layer too few',
      [...without('config.json'), file('config.json', configOf(ONE))],
      /has 2 layers, but its config has 1/,
    ],
    [
      'a layer that decompresses to nothing',
      [...without('b/layer.tar'), file('b/layer.tar', gzipSync(TWO).subarray(0, 20))],
      /layer 2 of .* cannot be decompressed/,
    ],
  ])('%s', async (_, entries, message) => {
    await expectRefused(await packTar(entries), message);
  });

  /** The same archive, whose first entry says that it has another size. */
  async function withFirstSize(entries: readonly TarEntry[], sizeBytes: number): Promise<Uint8Array> {
    const bytes = await packTar(entries);
    const header = bytes.subarray(0, 512);
    header.set(Buffer.from(`${sizeBytes.toString(8).padStart(11, '0')}\0`), 124);
    header.fill(32, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    return bytes;
  }

  test('a file that says it is of a gibibyte, where a few bytes are to be read', async () => {
    const bytes = await withFirstSize([file('manifest.json', '')], 1024 ** 3);
    await expectRefused(bytes, /"manifest\.json" of 1073741824 bytes; more than 16777216 are not read/);
  });

  test('a file that goes on after its end', async () => {
    const long = file('a/layer.tar', Buffer.alloc(4096, 'x'));
    const bytes = await withFirstSize([long, ...without('a/layer.tar')], 1024);
    await expectRefused(bytes, /is not a whole tar archive/);
  });

  test('more entries than any image has', async () => {
    const folder = newFolder();
    const entry = (await packTar([{ header: { name: 'x/', size: 0, type: 'directory' } }])).subarray(0, 512);
    const entries = Buffer.concat(Array.from({ length: 1000 }, () => entry));
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Uint8Array.from(entries)),
      cancel: () => void (isCancelled = true),
    });
    await expect(readDockerArchive(endless, { scratch: folder, now })).rejects.toThrow(/more than 50000 entries/);
    expect(isCancelled).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  test('one that ends early, wherever that is, compressed or not', async () => {
    const whole = await packTar(PLAIN);
    const packed = gzipSync(whole);
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.boolean(), async (part, isPacked) => {
        const bytes = isPacked ? packed : whole;
        // The last block of zeros may be missing, as its predecessor ended the archive.
        const length = Math.floor((bytes.byteLength - 512) * part);
        fc.pre(length > 0);
        await expectRefused(bytes.subarray(0, length), /is not a whole tar archive|holds no image/);
      }),
      { numRuns: 30 },
    );
  });

  test('what is no archive at all', async () => {
    await expectRefused(Buffer.from('no archive '.repeat(1000)), /is not a whole tar archive/);
    await expectRefused(gzipSync('no archive '.repeat(1000)), /is not a whole tar archive/);
    await expectRefused(new Uint8Array(), /is not a whole tar archive|holds no image/);
  });
});

describe('what cannot be read at all', () => {
  test('is said as it is: no file, a folder, a folder for it that holds something', async () => {
    const at = (name: string) => readDockerArchive(name, { scratch: newFolder(), now });
    await expect(at(path.join(scratch.path, 'none.tar'))).rejects.toThrow(/^there is no file .*none\.tar$/);
    await expect(at(scratch.path)).rejects.toThrow(/is a folder, not an archive$/);
    await writeFile(path.join(scratch.path, 'x'), '');
    const attempt = readDockerArchive(streamOf(new Uint8Array()), { scratch: scratch.path, now });
    await expect(attempt).rejects.toThrow(/unpacked in an empty folder only/);
  });

  test('fails as its stream does', async () => {
    const folder = newFolder();
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('cut off')) });
    await expect(readDockerArchive(broken, { scratch: folder, now })).rejects.toThrow(/^cut off$/);
    expect(await readdir(folder)).toEqual([]);
  });
});
