// Real snapshots of docker-library/official-images, and what is known to be in them.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CatalogListing } from '../catalog.ts';
import { lexBlocks, listOf } from './lex-library-file.ts';
import { parseLibraryFile } from './library-file.ts';
import type { LibraryFile } from './library.ts';
import { officialImages } from './official-images-catalog.ts';
import { openLibrary } from './open-library.ts';

const ROOT = join(import.meta.dirname, '../../..');
const BUNDLE = join(ROOT, '../shared/data/official-images.bundle');

let cacheDirectory: string;

beforeAll(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), 'wharf-history-'));
});

afterAll(async () => {
  await rm(cacheDirectory, { recursive: true });
});

async function read(revision: string): Promise<{ files: readonly LibraryFile[]; listing: CatalogListing }> {
  const options = { repository: BUNDLE, revision, cacheDirectory, now: () => new Date() };
  const library = await openLibrary(options);
  return { files: (await library.read()).files, listing: await officialImages(options).list() };
}

/** The Tags and SharedTags as they are written, with every repetition. */
function writtenTags(files: readonly LibraryFile[]): { lines: number; tags: number } {
  const blocks = files.flatMap(({ name, text }) => [...lexBlocks(text, name)]);
  const lists = blocks.flatMap((block) => [listOf(block, 'Tags'), listOf(block, 'SharedTags')]);
  const lines = lists.filter((list) => list !== undefined);
  return { lines: lines.length, tags: lines.flat().length };
}

/** How many tags there are in all images, and how many of them are different. */
function countTags({ images }: CatalogListing): { all: number; distinct: number } {
  const tags = images.flatMap(({ name, tags }) => tags.map((tag) => `${name}:${tag}`));
  return { all: tags.length, distinct: new Set(tags).size };
}

const reason = existsSync(BUNDLE) ? '' : `; skipped, for there is no ${relative(ROOT, BUNDLE)}`;

describe.skipIf(reason !== '')(`real snapshots of official-images${reason}`, () => {
  test('February 2021: 5590 tags on 1518 lines are 5126 tags of 1435 images', async () => {
    const { files, listing } = await read('seed-2021-02-16');
    expect(files).toHaveLength(148);
    expect(writtenTags(files)).toEqual({ lines: 1518, tags: 5590 });
    expect(countTags(listing)).toEqual({ all: 5126, distinct: 5126 });
    expect(listing.images).toHaveLength(1435);
  });

  test('two files of that time are in a format that bashbrew no longer reads, and are problems', async () => {
    const { listing } = await read('seed-2021-02-16');
    const message = 'Maintainers is missing; the first block has to name who maintains the image';
    expect(listing.problems).toEqual([
      { file: 'library/sourcemage', line: 3, message },
      { file: 'library/thrift', line: 3, message },
    ]);
  });

  test('August 2026: 144 files with 2121 entries have 9849 tags of 2220 images', async () => {
    const { files, listing } = await read('2026-08-21');
    expect(files).toHaveLength(144);
    expect(files.flatMap(({ name, text }) => parseLibraryFile(text, name))).toHaveLength(2121);
    expect(writtenTags(files)).toEqual({ lines: 2306, tags: 10288 });
    expect(countTags(listing)).toEqual({ all: 9849, distinct: 9849 });
    expect(listing.images).toHaveLength(2220);
    expect(listing).toMatchObject({ problems: [], notices: [], revision: expect.stringMatching(/^6e0e34bc/) });
  });

  test('August 2026: 99 images join several entries; 27 more sets of shared tags belong to a single one', async () => {
    const { files } = await read('2026-08-21');
    const carriers = files.flatMap(({ name, text }) => {
      const entries = parseLibraryFile(text, name);
      const tags = new Set(entries.flatMap(({ sharedTags }) => sharedTags));
      const sets = Array.from(tags, (tag) =>
        entries.flatMap(({ line, sharedTags }) => (sharedTags.includes(tag) ? [line] : [])),
      );
      return [...new Set(sets.map(String))];
    });
    expect(carriers.filter((lines) => lines.includes(','))).toHaveLength(99);
    expect(carriers.filter((lines) => !lines.includes(','))).toHaveLength(27);
  });

  test('August 2026: nothing to list comes from seven files, and `latest` only from SharedTags in eleven', async () => {
    const { files, listing } = await read('2026-08-21');
    const listed = new Set(listing.images.map(({ name }) => name));
    expect(files.map(({ name }) => name).filter((name) => !listed.has(name))).toEqual([
      'clefos',
      'gazebo',
      'mongo-express',
      'notary',
      'php-zendserver',
      'plone',
      'unit',
    ]);
    const sharesLatest = files.filter(({ name, text }) => {
      return parseLibraryFile(text, name).some(({ sharedTags }) => sharedTags.some((tag) => tag === 'latest'));
    });
    expect(sharesLatest.map(({ name }) => name)).toEqual([
      'caddy',
      'eclipse-temurin',
      'golang',
      'haxe',
      'hello-world',
      'hylang',
      'julia',
      'nats',
      'pypy',
      'python',
      'satosa',
    ]);
  });
});
