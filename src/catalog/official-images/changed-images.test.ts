import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedImages } from './changed-images.ts';
import { imagesOf } from './images.ts';
import { parseLibraryFile } from './library-file.ts';
import type { LibraryFile } from './library.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const OTHER = '89abcdef0123456789abcdef0123456789abcdef';

const GLOBAL = `Maintainers: Ada (@ada)
GitRepo: https://example.org/tool.git
GitCommit: ${COMMIT}
`;
const TRIXIE = `
Tags: 2.1-trixie, 2-trixie
SharedTags: 2.1, latest
Architectures: amd64, arm64v8
Directory: 2.1/trixie
`;
const ALPINE = `
Tags: 2.1-alpine, alpine
Directory: 2.1/alpine
`;
const WINDOWS = `
Tags: 2.1-windows
SharedTags: 2.1, latest
Architectures: windows-amd64
Directory: 2.1/windows
`;
const TOOL = GLOBAL + TRIXIE + ALPINE + WINDOWS;

function parse({ name, text }: LibraryFile) {
  return imagesOf(name, parseLibraryFile(text, `library/${name}`));
}

/** The tags of each image that is news. */
function news(before: readonly LibraryFile[], after: readonly LibraryFile[]): string[] {
  const changed = changedImages(after.flatMap(parse), { before, after });
  return [...changed].map(({ name, tags }) => `${name}:${tags.join()}`);
}

function newsOf(before: string, after: string): string[] {
  return news([{ name: 'tool', text: before }], [{ name: 'tool', text: after }]);
}

describe('no news is', () => {
  test.each<[string, string]>([
    ['white space', TOOL.replaceAll(', ', ' ,\t').replaceAll('\n\n', '\n\n\n').replaceAll('\n', '\r\n')],
    ['comments', `# first\n${TOOL.replace('Directory', '# why\nDirectory')}`],
    ['other maintainers', TOOL.replace('Ada (@ada)', 'Ada (@ada),\n Bob (@bob)')],
    ['another order of entries', GLOBAL + WINDOWS + ALPINE + TRIXIE],
    ['another order of fields', TOOL.replace(/(Tags: 2\.1-alpine.*)\n(Directory.*)\n/, '$2\n$1\n')],
    [
      'another order of tags',
      TOOL.replace('2.1, latest', 'latest, 2.1').replace('2.1-alpine, alpine', 'alpine, 2.1-alpine'),
    ],
    ['another order of architectures', TOOL.replace('amd64, arm64v8', 'arm64v8, amd64')],
    [
      'a setting that moves to where it is inherited',
      GLOBAL.replace(/GitCommit.*\n/, '') +
        [TRIXIE, ALPINE, WINDOWS].map((block) => `${block}GitCommit: ${COMMIT}\n`).join(''),
    ],
    ['another way to write a directory', TOOL.replace('2.1/alpine', './2.1//alpine/')],
    ['an entry written as two', `${TOOL.replace(', alpine', '')}\nTags: alpine\nDirectory: 2.1/alpine\n`],
    ['an entry that left', GLOBAL + TRIXIE + WINDOWS],
    ['a tag that left', TOOL.replace(', alpine', '')],
    ['a shared tag that left', TOOL.replaceAll('2.1, latest', '2.1')],
    ['a field that means nothing', TOOL.replace('Tags', 'Label: x\nTags')],
  ])('%s', (_, after) => {
    expect(after).not.toBe(TOOL);
    expect(newsOf(TOOL, TOOL)).toEqual([]);
    expect(newsOf(TOOL, after)).toEqual([]);
  });
});

describe('news is', () => {
  test.each<[string, string, string[]]>([
    [
      'an image of which the commit is another',
      TOOL.replace('Directory: 2.1/alpine', `GitCommit: ${OTHER}\n$&`),
      ['2.1-alpine,alpine'],
    ],
    [
      'an image and the one that shares it, in which one of several is another',
      TOOL.replace('2.1/trixie', '2.1/forky'),
      ['2.1-trixie,2-trixie', '2.1,latest'],
    ],
    [
      'every image that inherits a change',
      TOOL.replace(COMMIT, OTHER),
      ['2.1-trixie,2-trixie', '2.1-alpine,alpine', '2.1-windows', '2.1,latest'],
    ],
    [
      'an image for further platforms',
      TOOL.replace('\nDirectory: 2.1/alpine', '\nArchitectures: amd64, s390x$&'),
      ['2.1-alpine,alpine'],
    ],
    [
      'a setting for one architecture',
      TOOL.replace('Directory: 2.1/alpine', `$&\namd64-File: Dockerfile.x`),
      ['2.1-alpine,alpine'],
    ],
    ['a new entry', `${TOOL}\nTags: 2.2\n`, ['2.2']],
    [
      'a further tag, with all tags of its image',
      TOOL.replace('2.1-alpine, alpine', '2.1-alpine, alpine, 2-alpine'),
      ['2.1-alpine,alpine,2-alpine'],
    ],
    [
      'a tag that moved, in the image where it is now',
      TOOL.replace(', alpine', '').replace('2-trixie', '2-trixie, alpine'),
      ['2.1-trixie,2-trixie,alpine'],
    ],
    [
      'tags that were exchanged, in both images',
      TOOL.replace('2.1-alpine, ', '2.1-trixie, ').replace('2.1-trixie, 2-', '2.1-alpine, 2-'),
      ['2.1-alpine,2-trixie', '2.1-trixie,alpine'],
    ],
    [
      'a shared tag that one more entry joins, and none of the others',
      TOOL.replace('Tags: 2.1-alpine, alpine', '$&\nSharedTags: latest'),
      ['latest'],
    ],
    [
      'a shared tag that was left to a single entry, in the image of that one',
      TOOL.replace('SharedTags: 2.1, latest\nArchitectures: w', 'SharedTags: 2.1\nArchitectures: w'),
      ['2.1-trixie,2-trixie,latest'],
    ],
    [
      'a shared tag that became a tag of one',
      TOOL.replaceAll('2.1, latest', '2.1').replace('2-trixie', '2-trixie, latest'),
      ['2.1-trixie,2-trixie,latest'],
    ],
  ])('%s', (_, after, expected) => {
    expect(after).not.toBe(TOOL);
    expect(newsOf(TOOL, after)).toEqual(expected.map((tags) => `tool:${tags}`));
  });

  test('every image of a new file, and of one that could not be read before', () => {
    const alpine = { name: 'alpine', text: GLOBAL + ALPINE };
    expect(news([], [alpine])).toEqual(['alpine:2.1-alpine,alpine']);
    expect(news([{ name: 'alpine', text: 'Tags: 1' }], [alpine])).toEqual(['alpine:2.1-alpine,alpine']);
    expect(news([{ name: 'other', text: alpine.text }], [alpine])).toEqual(['alpine:2.1-alpine,alpine']);
    expect(news([alpine], [])).toEqual([]);
  });
});

describe('random edits of a library', () => {
  /** What an entry is, apart from how it is written. */
  interface Entry {
    readonly tags: readonly string[];
    readonly sharedTags: readonly string[];
    readonly architectures: string;
    readonly commit: number;
    readonly directory: number;
  }

  const TAGS = ['1', '1.0', '1.0-a', '1.0-b', '2', '2.0', '2.0-a', 'latest'];
  const SHARED = ['s', 's1', 's1.0', 'stable'];
  const entry = fc.record({
    sharedTags: fc.subarray(SHARED, { maxLength: 2 }),
    architectures: fc.constantFrom('amd64', 'amd64, arm64v8', 'windows-amd64'),
    commit: fc.nat(2),
    directory: fc.nat(1),
  });
  /** Each tag is dealt to one of the entries, or to none. */
  const library = fc
    .tuple(
      fc.array(entry, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(4), { minLength: TAGS.length, maxLength: TAGS.length }),
    )
    .map(([entries, owners]) =>
      entries
        .map((own, index): Entry => ({ ...own, tags: TAGS.filter((_, tag) => owners[tag] === index) }))
        .filter(({ tags }) => tags.length > 0),
    );
  const edit = fc.oneof(
    fc.constant((entries: readonly Entry[]) => entries.toReversed()),
    fc.tuple(fc.nat(3), entry).map(([at, other]) => (entries: readonly Entry[]) => {
      return entries.map((own, index) => (index === at ? { ...own, commit: other.commit } : own));
    }),
    fc.tuple(fc.nat(3), entry).map(([at, other]) => (entries: readonly Entry[]) => {
      return entries.map((own, index) => (index === at ? { ...own, sharedTags: other.sharedTags } : own));
    }),
    fc.tuple(fc.nat(3), fc.nat(3), fc.constantFrom(...TAGS)).map(([from, to, tag]) => (entries: readonly Entry[]) => {
      // The tag leaves wherever it is, and goes elsewhere or nowhere.
      return entries
        .map((own, index) => ({
          ...own,
          tags: [...own.tags.filter((other) => other !== tag), ...(index === to && from !== to ? [tag] : [])],
        }))
        .filter(({ tags }) => tags.length > 0);
    }),
    fc.nat(3).map((at) => (entries: readonly Entry[]) => entries.filter((_, index) => index !== at)),
    library.map((other) => () => other),
  );

  const print = (entries: readonly Entry[], isDense: boolean): string => {
    const separator = isDense ? ',' : ' ,\n   ';
    const blocks = entries.map(({ tags, sharedTags, architectures, commit, directory }) =>
      [
        `Tags: ${tags.join(separator)}`,
        ...(sharedTags.length === 0 ? [] : [`SharedTags: ${sharedTags.join(separator)}`]),
        `Architectures: ${architectures}`,
        `GitCommit: ${String(commit).repeat(40)}`,
        `Directory: ${isDense ? '' : './'}d${directory}`,
      ].join(isDense ? '\n' : '\n# comment\n'),
    );
    return ['Maintainers: Ada (@ada)\nGitRepo: r', ...blocks].join(isDense ? '\n\n' : '\n\n\n');
  };

  /** All that a tag stands for, written so that it can be compared. */
  const meaningOf = (tag: string, entries: readonly Entry[]): string => {
    const carriers = entries.filter(({ tags, sharedTags }) => tags.includes(tag) || sharedTags.includes(tag));
    const builds = carriers.map(({ architectures, commit, directory }) => `${architectures} ${commit} ${directory}`);
    return [...new Set(builds)].toSorted().join();
  };

  test('the images that are news are those of which a tag stands for something else', () => {
    const check = (
      entries: readonly Entry[],
      edits: readonly ((entries: readonly Entry[]) => readonly Entry[])[],
      [wasDense, isDense]: readonly [boolean, boolean],
    ) => {
      const edited = edits.reduce((all, change) => change(all), entries);
      const before = [{ name: 'tool', text: print(entries, wasDense) }];
      const after = [{ name: 'tool', text: print(edited, isDense) }];
      const images = after.flatMap(parse);
      const expected = images.filter(({ tags }) => {
        return tags.some((tag) => meaningOf(tag, entries) !== meaningOf(tag, edited));
      });
      expect([...changedImages(images, { before, after })]).toEqual(expected);
    };
    fc.assert(fc.property(library, fc.array(edit, { maxLength: 3 }), fc.tuple(fc.boolean(), fc.boolean()), check), {
      numRuns: 1000,
    });
  });
});

test('files that were made to take long end soon', () => {
  const many = (count: number, make: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => make(i)).join('');
  const shared = many(1000, (i) => `s${i},`);
  const text = (builder: string) =>
    `${GLOBAL}SharedTags: ${shared}s\nBuilder: ${builder.repeat(1500)}\n\n${many(500, (i) => `Tags: t${i}\nFile: f${i}\n\n`)}`;
  const started = performance.now();
  expect(newsOf(text('a'), text('b'))).toHaveLength(501);
  expect(performance.now() - started).toBeLessThan(5000);
});
