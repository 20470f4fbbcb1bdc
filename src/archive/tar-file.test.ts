import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { type TarEntry, packTar, unpackTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { file, link } from '../../test/support/saved-archive.ts';
import { digestOf } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { TarFile } from './tar-file.ts';
import { BLOCK_BYTES, formatFileHeader, readHeader, readRecords } from './tar-header.ts';
import { type FileToWrite, writeTarFile } from './write-tar-file.ts';

let scratch: ScratchFolder;
let files = 0;

beforeEach(async () => {
  scratch = await scratchFolder('tar', bulkStorage);
});
afterEach(() => scratch[Symbol.asyncDispose]());

const newFile = () => path.join(scratch.path, `${(files += 1)}.tar`);

function toWrite(name: string, bytes: Uint8Array): FileToWrite {
  return { name, sizeBytes: bytes.byteLength, open: () => Promise.resolve(ReadableStream.from([bytes])) };
}

async function contentsOf(archive: string, options?: { readonly isTransient: boolean }) {
  await using tar = await TarFile.open(archive, 'it.tar');
  const found = new Map<string, Buffer>();
  for (const name of tar.members.keys()) {
    const chunks: Buffer[] = [];
    for await (const bytes of tar.stream(name, options)) chunks.push(Buffer.from(bytes));
    found.set(name, Buffer.concat(chunks));
  }
  return found;
}

const names = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,60}$/), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));
const archives = fc.uniqueArray(fc.tuple(names, fc.uint8Array({ maxLength: 3000 })), {
  selector: ([name]) => name,
  minLength: 1,
  maxLength: 6,
});

test('what is written is read again, by us and by others, names of any length too', async () => {
  await fc.assert(
    fc.asyncProperty(archives, fc.boolean(), async (entries, isTransient) => {
      const archive = newFile();
      await writeTarFile(
        archive,
        entries.map(([name, bytes]) => toWrite(name, bytes)),
      );
      const expected = new Map(entries.map(([name, bytes]) => [name, Buffer.from(bytes)]));
      expect(await contentsOf(archive, { isTransient })).toEqual(expected);
      const others = await unpackTar(await readFile(archive), { strict: true });
      expect(new Map(others.map(({ header, data }) => [header.name, Buffer.from(data ?? [])]))).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test('what others write is read', async () => {
  await fc.assert(
    fc.asyncProperty(archives, async (entries) => {
      const archive = newFile();
      await writeFile(archive, await packTar(entries.map(([name, bytes]) => file(name, bytes))));
      expect(await contentsOf(archive)).toEqual(new Map(entries.map(([name, bytes]) => [name, Buffer.from(bytes)])));
    }),
    { numRuns: 40 },
  );
});

test('names that GNU tar writes before their files are read', async () => {
  const archive = newFile();
  const name = `${'long/'.repeat(40)}name`;
  const record = Buffer.alloc(BLOCK_BYTES);
  record.write(`${name}\0`);
  const entry = retyped(formatFileHeader('././@LongLink', name.length + 1), 'L');
  await writeFile(archive, Buffer.concat([entry, record, formatFileHeader('cut off', 0), formatFileHeader('next', 0)]));
  expect([...(await contentsOf(archive)).keys()]).toEqual([name, 'next']);
});

/** The same header of another type, with its sum put right. */
function retyped(header: Uint8Array, type: string): Uint8Array {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  const changed = Buffer.from(header);
  changed.write(type, 156);
  changed.write((sum - 48 + type.charCodeAt(0)).toString(8).padStart(6, '0'), 148);
  return changed;
}

test('equal files make equal bytes', async () => {
  const [one, other] = [newFile(), newFile()];
  const entries = ['a', 'b', 'c'].map((name) => toWrite(name, Buffer.from(name.repeat(1000))));
  await writeTarFile(one, entries);
  await writeTarFile(other, entries);
  expect(digestOf(await readFile(one))).toBe(digestOf(await readFile(other)));
});

test('a file of more than 8 GiB is described, as POSIX has it', () => {
  const sizeBytes = 20 * 1024 ** 3;
  const header = formatFileHeader('large', sizeBytes);
  expect(readHeader(header.subarray(0, BLOCK_BYTES), 'x')?.kind).toBe('pax');
  const { sizeBytes: length = 0 } = readHeader(header.subarray(0, BLOCK_BYTES), 'x') ?? {};
  expect(readRecords(header.subarray(BLOCK_BYTES, BLOCK_BYTES + length), 'x')).toEqual({ sizeBytes });
});

describe('a hostile archive is refused in a sentence before anything of it is read:', () => {
  const plain = [file('index.json', '{}'), file('blobs/sha256/a', 'a')];
  const device: TarEntry = { header: { name: 'x', size: 0, type: 'character-device' } };

  test.each<[string, readonly TarEntry[], RegExp]>([
    ['a name that leads out', [...plain, file('a/../../x', '')], /"a\/\.\.\/\.\.\/x", which is not within it/],
    ['an absolute name', [...plain, file('/etc/passwd', '')], /"\/etc\/passwd", which is not within it/],
    ['a folder that leads out', [{ header: { name: '../x/', size: 0, type: 'directory' } }], /not within it/],
    ['a name too long', [file('x'.repeat(2000), '')], /"x{100}…", which is not within it/],
    ['a link', [...plain, link('x', 'index.json')], /a link or a device of the name "x"/],
    ['a hard link', [...plain, link('x', 'index.json', 'link')], /a link or a device of the name "x"/],
    ['a device', [...plain, device], /a link or a device of the name "x"/],
    ['one name twice', [...plain, file('./index.json', '[]')], /two entries of the name "index\.json"/],
  ])('%s', async (_, entries, message) => {
    const archive = newFile();
    await writeFile(archive, await packTar([...entries]));
    await expect(TarFile.open(archive, 'it.tar')).rejects.toThrow(UsageError);
    await expect(TarFile.open(archive, 'it.tar')).rejects.toThrow(message);
  });

  test('one that breaks off, wherever that is', async () => {
    const whole = await packTar(plain);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.byteLength - 3 * BLOCK_BYTES }), async (length) => {
        const archive = newFile();
        await writeFile(archive, whole.subarray(0, length));
        const opened = await TarFile.open(archive, 'it.tar').catch((error: unknown) => error);
        // Between two files it ends as some programs end theirs; then the second one is not in it.
        if (opened instanceof TarFile) {
          await using tar = opened;
          expect([...tar.members.keys()]).toEqual(['index.json']);
        } else expect(opened).toBeInstanceOf(UsageError);
      }),
    );
  });

  test('what is no archive, and one that says of a file that it is larger than the archive', async () => {
    const archive = newFile();
    await writeFile(archive, 'no archive '.repeat(1000));
    await expect(TarFile.open(archive, 'it.tar')).rejects.toThrow(
      'it.tar is not a whole tar archive: there is no header',
    );
    await writeFile(archive, formatFileHeader('bomb', 2 ** 45));
    await expect(TarFile.open(archive, 'it.tar')).rejects.toThrow(
      'it.tar is not a whole tar archive: it ends within "bomb"',
    );
  });

  test('any bytes at all are an archive or a sentence', async () => {
    const blocks = fc.array(fc.uint8Array({ minLength: BLOCK_BYTES, maxLength: BLOCK_BYTES }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(blocks, async (parts) => {
        const archive = newFile();
        await writeFile(archive, Buffer.concat(parts));
        await expect(TarFile.open(archive, 'it.tar').then((tar) => tar[Symbol.asyncDispose]())).rejects.toThrow(
          UsageError,
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('an archive that cannot be written leaves nothing behind', () => {
  test('when one of its files fails', async () => {
    const archive = newFile();
    const failing = { name: 'b', sizeBytes: 5, open: () => Promise.reject(new Error('the source is gone')) };
    await expect(writeTarFile(archive, [toWrite('a', Buffer.from('a')), failing])).rejects.toThrow(
      'the source is gone',
    );
    expect(await readdir(scratch.path)).toEqual([]);
  });

  test.each([4, 6])('when a file turns out to have %s bytes, and not 5', async (sizeBytes) => {
    const archive = newFile();
    const other = { ...toWrite('b', Buffer.alloc(sizeBytes)), sizeBytes: 5 };
    await expect(writeTarFile(archive, [other, toWrite('c', Buffer.from('c'))])).rejects.toThrow('b has other bytes');
    expect(await readdir(scratch.path)).toEqual([]);
  });

  test('when there is such a file already, which stays', async () => {
    const archive = newFile();
    await writeFile(archive, 'mine');
    await expect(writeTarFile(archive, [toWrite('a', Buffer.from('a'))])).rejects.toThrow('exists already');
    expect(await readFile(archive, 'utf8')).toBe('mine');
  });

  test('when it is stopped', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(writeTarFile(newFile(), [toWrite('a', Buffer.from('a'))], { signal })).rejects.toThrow('stopped');
    expect(await readdir(scratch.path)).toEqual([]);
  });
});

test('a file that was made shorter while it is read fails rather than give fewer bytes', async () => {
  const archive = newFile();
  await writeTarFile(archive, [toWrite('a', Buffer.alloc(5000, 'a'))]);
  await using tar = await TarFile.open(archive, 'it.tar');
  await writeFile(archive, (await readFile(archive)).subarray(0, 1000));
  await expect(readAll(tar.stream('a'), 1e6)).rejects.toThrow('it.tar became shorter while it was read');
});
