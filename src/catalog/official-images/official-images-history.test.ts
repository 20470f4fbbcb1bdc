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

/** How many images of which name are news at a revision, and since which commit. */
async function newsAt(revision: string, since: string) {
  const now = () => new Date('2026-08-21T23:53:11Z');
  const catalog = officialImages({ repository: BUNDLE, revision, cacheDirectory, now });
  const listing = await catalog.list();
  const changes = await catalog.changesSince?.(listing, since);
  const byName = Map.groupBy(changes?.images ?? [], ({ name }) => name);
  return {
    listing,
    images: changes?.images,
    since: changes?.since?.slice(0, 7),
    news: Object.fromEntries(Array.from(byName, ([name, images]) => [name, images.length])),
  };
}

describe.skipIf(reason !== '')(`real changes of official-images${reason}`, () => {
  // Counted in the output of git diff.
  test.each<[what: string, revision: string, since: string, news: Record<string, number>]>([
    ['a new commit for two entries, and for one', '1ce9133', '9ebfba3', { clearlinux: 1, traefik: 2 }],
    ['two of four entries, and all three', '7fc49d3', '5aeab97', { adminer: 2, archlinux: 3 }],
    ['a global setting for one architecture', 'a5ee33c', '0714f15', { oraclelinux: 11 }],
    ['four entries, of which one is alone with its shared tags', 'eafe106', '5a2c678', { golang: 4 }],
    [
      'one platform less in four entries, and a new file',
      '6e0e34b',
      '5ac0e53',
      { 'eclipse-temurin': 184, espocrm: 3, tomcat: 4 },
    ],
  ])('%s', async (_, revision, since, expected) => {
    expect(await newsAt(revision, since)).toMatchObject({ since, news: expected });
  });

  test('an entry that lost a platform is news with all its tags, and its neighbours are not', async () => {
    const { images } = await newsAt('6e0e34b', '5ac0e53');
    const tomcat = [...(images ?? [])].filter(({ name }) => name === 'tomcat');
    expect(tomcat.map(({ tags }) => tags[0])).toEqual([
      '9.0.121-jdk8-temurin-noble',
      '9.0.121-jre8-temurin-noble',
      '9.0.121-jdk8-temurin-jammy',
      '9.0.121-jre8-temurin-jammy',
    ]);
    expect(tomcat[0]?.tags).toHaveLength(9);
  });

  test('a time means the commit up to then, and the tag of that name goes before a date', async () => {
    expect(await newsAt('master', '24h')).toMatchObject({ since: '7359635' });
    expect(await newsAt('master', '23h')).toMatchObject({ since: 'ff9fb78' });
    expect(await newsAt('master', '2026-08-21T00:06:35Z')).toMatchObject({ since: 'ff9fb78' });
    expect(await newsAt('master', '2026-08-21T00:06:34Z')).toMatchObject({ since: '7359635' });
    expect(await newsAt('master', '2026-08-21')).toMatchObject({ since: '6e0e34b', news: {} });
    const { listing, images, since } = await newsAt('seed-2021-02-16', '2021-01-01');
    expect(since).toBeUndefined();
    expect(images).toEqual(new Set(listing.images));
  });

  test('what is news in six commits is what differs in their entries, one by one', async () => {
    for (const age of Array.from({ length: 6 }, (_, index) => index)) {
      const { listing, images } = await newsAt(`2026-08-21~${age}`, 'HEAD~1');
      const before = await buildsAt(`2026-08-21~${age + 1}`);
      const after = await buildsAt(`2026-08-21~${age}`);
      const expected = listing.images.filter(({ name, tags }) => {
        return tags.some((tag) => before.get(`${name}:${tag}`) !== after.get(`${name}:${tag}`));
      });
      expect(expected.length).toBeGreaterThan(0);
      expect([...(images ?? [])]).toEqual(expected);
    }
  });
});

/** What each tag is built from, written out. */
async function buildsAt(revision: string): Promise<Map<string, string>> {
  const { files } = await read(revision);
  const entries = files.flatMap(({ name, text }) => parseLibraryFile(text, name).map((entry) => ({ name, ...entry })));
  const builds = entries.flatMap(({ name, tags, sharedTags, architectureSettings, ...settings }) => {
    const build = JSON.stringify([{ ...settings, line: undefined }, [...architectureSettings].map(String).sort()]);
    return [...tags, ...sharedTags].map((tag) => ({ tag: `${name}:${tag}`, build }));
  });
  const byTag = Map.groupBy(builds, ({ tag }) => tag);
  return new Map(
    Array.from(byTag, ([tag, uses]) => [
      tag,
      uses
        .map(({ build }) => build)
        .toSorted()
        .join(),
    ]),
  );
}
