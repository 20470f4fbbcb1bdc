import { describe, expect, test } from 'vitest';
import { LibraryFileError } from './library-file-error.ts';
import { parseLibraryFile } from './library-file.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const OTHER = '89abcdef0123456789abcdef0123456789abcdef';
const MAINTAINERS = 'Maintainers: Ada L <ada@example.org> (@ada)\n';
/** Three lines, so that the next block starts at line 5. */
const GLOBAL = `${MAINTAINERS}GitRepo: https://example.org/x.git\nGitCommit: ${COMMIT}\n\n`;

const parse = (text: string) => parseLibraryFile(text, 'library/x');

function errorOf(text: string): LibraryFileError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof LibraryFileError) return error;
    throw error;
  }
  throw new Error('the text was accepted');
}

describe('the first block', () => {
  test('gives the others their defaults, and has defaults beneath it', () => {
    expect(parse(`${GLOBAL}Tags: 1.0`)).toEqual([
      {
        line: 5,
        tags: ['1.0'],
        sharedTags: [],
        architectures: ['amd64'],
        gitRepo: 'https://example.org/x.git',
        gitFetch: 'refs/heads/master',
        gitCommit: COMMIT,
        directory: '.',
        file: 'Dockerfile',
        builder: '',
        constraints: [],
        architectureSettings: new Map(),
      },
    ]);
  });

  test('alone it makes a file without entries', () => {
    expect(parse(MAINTAINERS)).toEqual([]);
  });

  test('an empty file is an error', () => {
    expect(errorOf('# nothing\n\n')).toMatchObject({ file: 'library/x', line: 1, field: 'Maintainers' });
  });

  test('needs Maintainers', () => {
    const error = errorOf('\nGitRepo: x\n');
    expect(error).toMatchObject({ line: 2, field: 'Maintainers' });
    expect(error.message).toBe('Maintainers is missing; the first block has to name who maintains the image');
  });

  test.each(['Tags: 1.0', 'Tags:'])('must not have Tags (%j)', (field) => {
    expect(errorOf(MAINTAINERS + field)).toMatchObject({ line: 2, field: 'Tags' });
  });

  test('has its architectures checked even when no block uses them', () => {
    const error = errorOf(`${MAINTAINERS}Architectures: amd64, arm64`);
    expect(error).toMatchObject({ line: 2, field: 'Architectures' });
    expect(error.message).toMatch(/^Architectures has "arm64"; known are amd64, arm32v5, /);
  });

  test('has its other fields checked only where a block inherits them', () => {
    const global = `${MAINTAINERS}GitRepo: x\nGitCommit: HEAD\nGitFetch: master\nSharedTags: a b\n`;
    expect(parse(global)).toEqual([]);
    expect(errorOf(`${global}\nTags: 1`)).toMatchObject({ line: 4, field: 'GitFetch' });
  });
});

describe('maintainers', () => {
  test.each([
    'A (@a)',
    'Ada L <ada@example.org> (@ada)',
    'Ada <https://example.org/ada> (@ada),\n  Bob  B.  (@bob)',
    'Ada\t<x>\t(@ada)',
  ])('%j are fine', (maintainers) => {
    expect(parse(`Maintainers: ${maintainers}`)).toEqual([]);
  });

  test.each([
    '',
    'Ada',
    '(@ada)',
    'Ada (ada)',
    'Ada(@ada)',
    'Ada <a b> (@ada)',
    'Ada <x>(@ada)',
    'Ada <x> (@ada) more',
    'Ada (@ada),',
    'Ada (@a d)',
    'Ada <> (@ada)',
    'Ada > (@ada)',
    'Ada (@ada) (@bob)',
    'Ada (@ada)\n  Bob (@bob)',
    'Ada\u00A0(@ada)',
  ])('%j are not', (maintainers) => {
    expect(errorOf(`Maintainers: ${maintainers}`)).toMatchObject({ line: 1, field: 'Maintainers' });
  });

  test('of a later block are checked too, and come before everything else in it', () => {
    expect(errorOf(`${GLOBAL}Tags: a b\nMaintainers: Bob`)).toMatchObject({ line: 6, field: 'Maintainers' });
  });
});

describe('what a later block inherits', () => {
  test('the six fields of the build are replaced, by an empty value too', () => {
    const fields = 'GitFetch: refs/tags/v1\nDirectory: a\nFile: Dockerfile.x\nBuilder: buildkit\n';
    const [first, second] = parse(
      `${MAINTAINERS}GitRepo: r\nGitCommit: ${COMMIT}\n${fields}\nTags: 1\n\n` +
        `Tags: 2\nGitRepo: s\nGitCommit: ${OTHER}\nGitFetch: refs/heads/x\nDirectory:\nFile:\nBuilder:`,
    );
    expect(first).toMatchObject({ gitRepo: 'r', gitFetch: 'refs/tags/v1', directory: 'a', builder: 'buildkit' });
    expect(second).toMatchObject({ gitRepo: 's', gitCommit: OTHER, gitFetch: 'refs/heads/x', directory: '.' });
    expect(second).toMatchObject({ file: '', builder: '' });
  });

  test('SharedTags and Architectures are replaced, never added to', () => {
    const global = `${MAINTAINERS}GitRepo: r\nGitCommit: ${COMMIT}\nSharedTags: s\nArchitectures: s390x, amd64\n\n`;
    const [first, second] = parse(`${global}Tags: 1\n\nTags: 2\nSharedTags: t\nArchitectures: i386`);
    expect(first).toMatchObject({ sharedTags: ['s'], architectures: ['amd64', 's390x'] });
    expect(second).toMatchObject({ sharedTags: ['t'], architectures: ['i386'] });
  });

  test('Architectures are sorted and each listed once, SharedTags each once in their order', () => {
    const [entry] = parse(`${GLOBAL}Tags: 1\nSharedTags: z, a, z\nArchitectures: s390x, amd64, s390x`);
    expect(entry).toMatchObject({ architectures: ['amd64', 's390x'], sharedTags: ['z', 'a'] });
  });

  test('Constraints are added to the inherited ones', () => {
    const [entry] = parse(`${MAINTAINERS}Constraints: a\nGitRepo: r\nGitCommit: ${COMMIT}\n\nTags: 1\nConstraints: !b`);
    expect(entry?.constraints).toEqual(['a', '!b']);
  });

  test('settings of one architecture are inherited and replaced each by itself', () => {
    const [entry] = parse(
      `${GLOBAL.trimEnd()}\narm64v8-File: a\narm64v8-Directory: ./b/\nmade-up-Builder: c\ns390x-GitFetch: anything\n\n` +
        'Tags: 1\narm64v8-File: d\nmade-up-Builder:\ns390x-GitCommit: anything\nX-Tags: ignored\nGitFetch-x: ignored',
    );
    expect(Object.fromEntries(entry?.architectureSettings ?? [])).toEqual({
      'arm64v8-File': 'd',
      'arm64v8-Directory': 'b',
      's390x-GitFetch': 'anything',
      's390x-GitCommit': 'anything',
    });
  });

  test('an empty SharedTags does not take inherited ones away: it is an error', () => {
    expect(errorOf(`${GLOBAL.trimEnd()}\nSharedTags: s\n\nTags: 1\nSharedTags:`)).toMatchObject({
      line: 7,
      field: 'SharedTags',
      message: 'SharedTags has "", which is not a tag; tags are separated by commas',
    });
  });

  test('unknown fields are ignored, known ones in another case too', () => {
    expect(parse(`${GLOBAL}Tags: 1\ntags: a b\nX: y`)).toMatchObject([{ tags: ['1'] }]);
  });

  test.each([
    ['./1.0//alpine/', '1.0/alpine'],
    ['a/../b/.', 'b'],
    ['../../a/..', '../..'],
    ['/a/../../b/', '/b'],
    ['/', '/'],
    ['a/..', '.'],
  ])('the directory %s is %s', (written, clean) => {
    expect(parse(`${GLOBAL}Tags: 1\nDirectory: ${written}`)).toMatchObject([{ directory: clean }]);
  });
});

describe('a block is refused', () => {
  test.each([
    ['Tags: a b', 'Tags', 5],
    ['Tags: 1.0 # x', 'Tags', 5],
    ['Tags: 1.0,', 'Tags', 5],
    ['Tags:', 'Tags', 5],
    ['Tags: .1', 'Tags', 5],
    [`Tags: ${'a'.repeat(129)}`, 'Tags', 5],
    ['Tags: 1\n  2', 'Tags', 5],
    ['Tags: 1\nSharedTags: -a', 'SharedTags', 6],
    ['Tags: 1\nArchitectures: AMD64', 'Architectures', 6],
    ['Tags: 1\nArchitectures:', 'Architectures', 6],
    ['Tags: 1\nArchitectures: toString', 'Architectures', 6],
    ['Tags: 1\nGitRepo:', 'GitRepo', 6],
    ['Tags: 1\nGitFetch: master', 'GitFetch', 6],
    ['Tags: 1\nGitFetch:', 'GitFetch', 6],
    ['Tags: 1\nGitFetch: refs/heads/*', 'GitFetch', 6],
    ['Tags: 1\nGitFetch: refs/pull/1', 'GitFetch', 6],
    ['Tags: 1\nGitCommit: v1.0', 'GitCommit', 6],
    ['Tags: 1\nGitCommit:', 'GitCommit', 6],
    [`Tags: 1\nGitCommit: ${COMMIT.toUpperCase()}`, 'GitCommit', 6],
    [`Tags: 1\nGitCommit: ${COMMIT}0`, 'GitCommit', 6],
    ['SharedTags: 1', 'Tags', 5],
    ['Tags: 1, 1', 'Tags', 5],
    ['Tags: 1\nSharedTags: 2, 1', 'SharedTags', 6],
  ])('%j, for its %s', (block, field, line) => {
    const error = errorOf(GLOBAL + block);
    expect(error).toMatchObject({ file: 'library/x', field, line });
    expect(error.message).toContain(field);
  });

  test('for an inherited value, with the line where the value stands', () => {
    expect(errorOf(`${MAINTAINERS}GitCommit: x\n\nTags: 1`)).toMatchObject({ line: 2, field: 'GitCommit' });
  });

  test('for a missing value, with the line where the block starts', () => {
    expect(errorOf(`${MAINTAINERS}\nTags: 1`)).toMatchObject({ line: 3, field: 'GitCommit' });
    expect(errorOf(`${MAINTAINERS}GitCommit: ${COMMIT}\n\nTags: 1`)).toMatchObject({ line: 4, field: 'GitRepo' });
  });

  test('even when every architecture has a commit of its own', () => {
    const text = `${MAINTAINERS}GitRepo: r\n\nTags: 1\namd64-GitCommit: ${COMMIT}`;
    expect(errorOf(text)).toMatchObject({ line: 4, field: 'GitCommit' });
  });

  test('at the first thing that bashbrew looks at, in the first block that has one', () => {
    const wrong = 'Tags: a b\nArchitectures: x\nGitFetch: x\nGitCommit: x\nGitRepo:\n';
    expect(errorOf(`${GLOBAL}${wrong}\nno field`)).toMatchObject({ field: 'GitFetch' });
    expect(errorOf(`${GLOBAL}${wrong.replace('GitFetch: x\n', '')}`)).toMatchObject({ field: 'GitCommit' });
    expect(errorOf(`${GLOBAL}Tags: a b\nArchitectures: x\nGitRepo:`)).toMatchObject({ field: 'GitRepo' });
    expect(errorOf(`${GLOBAL}Tags: a b\nArchitectures: x`)).toMatchObject({ field: 'Tags' });
  });

  test('for a line of blanks that joins it to the one before: what would have been a block is lost', () => {
    expect(parse(`${GLOBAL}Tags: 1\nFile: a\n \nTags: 2\nFile: b`)).toMatchObject([{ tags: ['2'], file: 'b' }]);
    // The blank line continues the commit, which then ends in a line feed.
    expect(errorOf(`${GLOBAL}Tags: 1\nGitCommit: ${COMMIT}\n \nTags: 2`)).toMatchObject({ field: 'GitCommit' });
  });

  test('no commit of 64 digits is', () => {
    expect(parse(`${GLOBAL}Tags: 1\nGitCommit: ${'a'.repeat(64)}`)).toHaveLength(1);
  });
});

describe('tags are apart', () => {
  test('a tag stands in the Tags of one block', () => {
    const error = errorOf(`${GLOBAL}Tags: 1\n\nFile: a\nTags: 2, 1`);
    expect(error).toMatchObject({ line: 8, field: 'Tags' });
    expect(error.message).toBe('Tags has "1", which the block at line 5 already has');
  });

  test('not even blocks that build the same may repeat one', () => {
    expect(errorOf(`${GLOBAL}Tags: 1\n\nTags: 1`)).toMatchObject({ line: 7, field: 'Tags' });
  });

  test('one of the Tags is no SharedTag of another block, whichever comes first', () => {
    expect(errorOf(`${GLOBAL}Tags: 1\nSharedTags: s\n\nTags: s\nFile: a`)).toMatchObject({
      line: 8,
      field: 'Tags',
      message: 'Tags has "s", which is a SharedTag of the block at line 5',
    });
    expect(errorOf(`${GLOBAL}Tags: 1\n\nTags: 2\nSharedTags: 1\nFile: a`)).toMatchObject({
      line: 8,
      field: 'SharedTags',
      message: 'SharedTags has "1", which is in the Tags of the block at line 5',
    });
  });

  test('a SharedTag may stand in many blocks', () => {
    expect(parse(`${GLOBAL}Tags: 1\nSharedTags: s\n\nTags: 2\nSharedTags: s\nFile: a`)).toHaveLength(2);
  });
});

describe('merging', () => {
  test('blocks that build the same are one entry, with the tags of all and the line of the first', () => {
    const entries = parse(`${GLOBAL}Tags: 1\nSharedTags: s, t\n\nTags: x\nFile: a\n\nTags: 2\nSharedTags: t, u`);
    expect(entries).toMatchObject([
      { line: 5, tags: ['1', '2'], sharedTags: ['s', 't', 'u'] },
      { line: 8, tags: ['x'] },
    ]);
  });

  test.each([
    ['Directory: .', 'Directory: ./a/..'],
    ['Constraints:', 'X: y'],
    ['Architectures: amd64, i386', 'Architectures: i386, amd64, i386'],
    ['amd64-File:', 'X: y'],
    ['arm64v8-Directory: a', 'arm64v8-Directory: ./a'],
    ['a-File: 1\nb-File: 2', 'b-File: 2\na-File: 1'],
  ])('%j builds the same as %j', (one, other) => {
    expect(parse(`${GLOBAL}Tags: 1\n${one}\n\nTags: 2\n${other}`)).toHaveLength(1);
  });

  test.each([
    'Architectures: i386',
    'GitRepo: other',
    `GitCommit: ${OTHER}`,
    'GitFetch: refs/heads/other',
    'Directory: other',
    'File: other',
    'Builder: classic',
    'Constraints: other',
    'amd64-Builder: other',
  ])('%s builds another image', (field) => {
    expect(parse(`${GLOBAL}Tags: 1\n\nTags: 2\n${field}`)).toHaveLength(2);
  });
});

test('a message is safe to print, whatever the file holds', () => {
  const { message } = errorOf(`${GLOBAL}Tags: \u001B[2J\u009B\u202E${'x'.repeat(1000)}`);
  expect(message).toMatch(/^Tags has "\\u001b\[2J\?\?x+…", which is not a tag/);
  expect(message.length).toBeLessThan(200);
});

test('one file with everything reads as it should', () => {
  const text = `# maintained elsewhere
Maintainers: Ada L <ada@example.org> (@ada),
             Bob (@bob)
GitRepo: https://example.org/tool.git
Architectures: amd64, arm64v8

Tags: 2.1.0-bookworm, 2.1-bookworm
SharedTags: 2.1.0, 2.1, latest
# inside
GitCommit: ${COMMIT}
Directory: 2.1/bookworm
arm64v8-GitCommit: ${OTHER}

Tags: 2.1.0-windowsservercore
SharedTags: 2.1.0, 2.1, latest
Architectures: windows-amd64
Constraints: windowsservercore
GitCommit: ${COMMIT}
Builder: classic
`;
  expect(parse(text)).toMatchObject([
    {
      line: 7,
      tags: ['2.1.0-bookworm', '2.1-bookworm'],
      sharedTags: ['2.1.0', '2.1', 'latest'],
      architectures: ['amd64', 'arm64v8'],
      directory: '2.1/bookworm',
      architectureSettings: new Map([['arm64v8-GitCommit', OTHER]]),
    },
    { line: 14, tags: ['2.1.0-windowsservercore'], architectures: ['windows-amd64'], builder: 'classic' },
  ]);
});
