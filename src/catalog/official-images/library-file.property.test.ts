import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURES } from './architectures.ts';
import type { LibraryEntry } from './library-entry.ts';
import { LibraryFileError } from './library-file-error.ts';
import { parseLibraryFile } from './library-file.ts';

const parse = (text: string) => parseLibraryFile(text, 'library/x');

/** Why a text is refused, if it is. Any other error is a failure. */
function refusal(text: string): LibraryFileError | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof LibraryFileError) return error;
    throw error;
  }
}

describe('any text', () => {
  const COMMIT = '0123456789abcdef0123456789abcdef01234567';
  const piece = fc.oneof(
    fc.constantFrom('\n', '\n\n', '\r\n', ' ', '\t', ':', ',', '#', '.', '\uFEFF', '\u0085', '-', '"'),
    fc.constantFrom('Maintainers: A (@a)\n\n', 'Tags: ', 'SharedTags: ', 'Architectures: amd64\n', 'GitRepo: r\n'),
    fc.constantFrom(`GitCommit: ${COMMIT}\n`, 'arm64v8-File: ', 'Constraints: ', '__proto__: ', 'GitFetch: '),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
    fc
      .array(piece, { maxLength: 30 })
      .map((pieces) => `Maintainers: A (@a)\nGitCommit: ${COMMIT}\nGitRepo: r\n\nTags: 1\n${pieces.join('')}`),
  );

  test('is read, or refused by a LibraryFileError that points into it', () => {
    const check = (text: string) => {
      const error = refusal(text);
      if (error === undefined) return;
      expect(error.line).toBeGreaterThanOrEqual(1);
      expect(error.line).toBeLessThanOrEqual(text.split('\n').length);
      expect(error.message).not.toMatch(/\n/);
    };
    fc.assert(fc.property(text, check), { numRuns: 2000 });
  });
});

describe('a file that was made to take long', () => {
  const header = 'Maintainers: A (@a)\nGitRepo: r\nGitCommit: 0123456789abcdef0123456789abcdef01234567\n';
  const many = (count: number, make: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => make(i)).join('');
  const million = 1_000_000;

  test.each([
    ['blanks in a maintainer', `Maintainers: A${' '.repeat(million)}!`],
    ['brackets in a maintainer', `Maintainers: A ${'<'.repeat(million)}`],
    ['blanks at the end of a line', `${header}\nTags: 1${' \u2003'.repeat(million / 2)}x`],
    ['continuation lines', `${header}X: y\n${' z\n'.repeat(million / 3)}\nTags: 1`],
    ['tags', `${header}\nTags: ${many(million / 8, (i) => `t${i}, `)}end`],
    ['equal blocks', `${header}\n${many(million / 16, (i) => `Tags: t${i}\n\n`)}`],
    ['steps up in a directory', `${header}\nTags: 1\nDirectory: ${'a/b/../'.repeat(million / 7)}`],
    [
      'architecture settings that many blocks inherit',
      `${header}${many(40_000, (i) => `a${i}-File: x\n`)}\n${many(25_000, (i) => `Tags: t${i}\nFile: f${i}\n\n`)}`,
    ],
    [
      'shared tags that many blocks inherit',
      `${header}SharedTags: ${many(60_000, (i) => `s${i},`)}s\n\n${many(25_000, (i) => `Tags: t${i}\nFile: f${i}\n\n`)}`,
    ],
    [
      'one long value that many blocks inherit',
      `${header}Builder: ${'b'.repeat(million / 2)}\n\n${many(25_000, (i) => `Tags: t${i}\nFile: f${i}\n\n`)}`,
    ],
  ])('%s: ends soon', (_, text) => {
    const started = performance.now();
    refusal(text);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('a file printed from entries', () => {
  const word = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,12}$/);
  const unique = fc.uniqueArray(word, { minLength: 1, maxLength: 24 });
  const commit = fc.stringMatching(/^[0-9a-f]{40}$/);
  const settings = fc.record({
    architectures: fc.uniqueArray(fc.constantFrom(...ARCHITECTURES), { minLength: 1 }).map((names) => names.sort()),
    gitRepo: word,
    gitFetch: fc.constantFrom('refs/heads/master', 'refs/tags/v1', 'refs/heads/a/b'),
    gitCommit: commit,
    file: word,
    builder: fc.constantFrom('', 'classic', 'buildkit'),
    constraints: fc.array(word, { maxLength: 2 }),
    architectureSettings: fc
      .dictionary(fc.constantFrom('amd64-File', 's390x-GitCommit', 'x-Builder'), word)
      .map((it) => new Map(Object.entries(it))),
  });

  /** Tags are dealt out to the entries; the first of them is for all to share. */
  const entries = fc
    .tuple(unique, fc.array(settings, { minLength: 1, maxLength: 5 }))
    .map(([[shared, ...tags], all]) => {
      return all.map((settings, index) => ({
        ...settings,
        // Keeps entries apart that would otherwise be merged.
        directory: `d${index}`,
        tags: [
          `${index}-first`,
          ...tags.filter((_, position) => position % all.length === index).map((tag) => `${index}-${tag}`),
        ],
        sharedTags: index % 2 === 0 ? [`shared-${shared}`] : [],
      })) as unknown as Omit<LibraryEntry, 'line'>[];
    });

  /** Ways to write the same. */
  const style = fc.record({
    separator: fc.constantFrom(',', ', ', ' ,\t', ',\n   ', ',\n# between\n '),
    lineEnd: fc.constantFrom('\n', '\r\n', ' \n', '\n# comment\n', '\n \t# comment\n'),
    colon: fc.constantFrom(':', ': ', ' :\t'),
    gap: fc.constantFrom('\n', '\r\n', '\n\n\n', '\n# comment\n\n'),
  });
  type Style = { separator: string; lineEnd: string; colon: string; gap: string };

  const print = (entries: readonly Omit<LibraryEntry, 'line'>[], { separator, lineEnd, colon, gap }: Style): string => {
    const blocks = entries.map((entry) => {
      const lists = {
        Tags: entry.tags,
        SharedTags: entry.sharedTags,
        Constraints: entry.constraints,
        Architectures: entry.architectures,
      };
      const fields = [
        ...Object.entries(lists)
          .filter(([, list]) => list.length > 0)
          .map(([key, list]) => [key, list.join(separator)]),
        ['GitRepo', entry.gitRepo],
        ['GitFetch', entry.gitFetch],
        ['GitCommit', entry.gitCommit],
        ['Directory', entry.directory],
        ['File', entry.file],
        ['Builder', entry.builder],
        ...entry.architectureSettings,
      ];
      return fields.map(([key, value]) => `${key}${colon}${value}${lineEnd}`).join('');
    });
    return [`Maintainers${colon}A (@a)${separator}B <b> (@b)${lineEnd}`, ...blocks].join(gap);
  };

  test('reads as those entries, however it is written', () => {
    const check = (written: Omit<LibraryEntry, 'line'>[], style: Style) => {
      const read = parse(print(written, style));
      expect(read).toEqual(written.map((entry) => ({ ...entry, line: expect.any(Number) })));
    };
    fc.assert(fc.property(entries, style, check));
  });
});
