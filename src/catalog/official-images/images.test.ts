import { describe, expect, test } from 'vitest';
import { formatPlatform } from '../../oci/platform.ts';
import { ARCHITECTURES, isArchitecture, platformsOf } from './architectures.ts';
import { imagesOf } from './images.ts';
import { parseLibraryFile } from './library-file.ts';

const GLOBAL = 'Maintainers: A (@a)\nGitRepo: r\nGitCommit: 0123456789abcdef0123456789abcdef01234567\n\n';

/** Tags and platforms of each image, short enough to compare. */
function read(blocks: string): [tags: string, platforms: string][] {
  return imagesOf('tool', parseLibraryFile(GLOBAL + blocks, 'library/tool')).map(({ tags, platforms }) => {
    return [tags.join(), platforms.map(formatPlatform).join()];
  });
}

describe('the images of a library file', () => {
  test('Tags name one image for each entry, for the platforms of the entry', () => {
    expect(read('Tags: 1, 2\nArchitectures: s390x, amd64\n\nTags: 3\nFile: a')).toEqual([
      ['1,2', 'linux/amd64,linux/s390x'],
      ['3', 'linux/amd64'],
    ]);
  });

  test('SharedTags name an image that joins the platforms of all entries that carry them', () => {
    expect(
      read(
        'Tags: 1-a\nSharedTags: 1, latest\nArchitectures: arm64v8, amd64\n\nTags: 1-w\nSharedTags: 1, latest\nArchitectures: windows-amd64',
      ),
    ).toEqual([
      ['1-a', 'linux/amd64,linux/arm64/v8'],
      ['1-w', 'windows/amd64'],
      ['1,latest', 'linux/amd64,linux/arm64/v8,windows/amd64'],
    ]);
  });

  test('SharedTags with other carriers are other images', () => {
    const blocks =
      'Tags: a\nSharedTags: x, all\n\nTags: b\nSharedTags: x, y, all\nFile: b\n\nTags: c\nSharedTags: y, all\nFile: c';
    expect(read(blocks).map(([tags]) => tags)).toEqual(['a', 'b', 'c', 'x', 'all', 'y']);
  });

  test('SharedTags of a single entry are further tags of its image', () => {
    expect(read('Tags: a\nSharedTags: x, both\n\nTags: b\nSharedTags: both, y\nFile: b').map(([tags]) => tags)).toEqual(
      ['a,x', 'b,y', 'both'],
    );
  });

  test('blocks that were merged are one image, also where they share tags', () => {
    expect(read('Tags: a\nSharedTags: x\n\nTags: b\nSharedTags: x').map(([tags]) => tags)).toEqual(['a,b,x']);
  });

  test('they are in library/, and called as people call them', () => {
    expect(imagesOf('tool', parseLibraryFile(`${GLOBAL}Tags: 1`, 'library/tool'))).toMatchObject([
      { repository: 'library/tool', name: 'tool' },
    ]);
  });
});

describe('architectures', () => {
  test('are what the rest of the world knows by other names', () => {
    expect(platformsOf(ARCHITECTURES).map(formatPlatform)).toEqual([
      'linux/amd64',
      'linux/arm/v5',
      'linux/arm/v6',
      'linux/arm/v7',
      'linux/arm64/v8',
      'linux/386',
      'linux/mips64le',
      'linux/ppc64le',
      'linux/riscv64',
      'linux/s390x',
      'windows/amd64',
    ]);
  });

  test('give each platform once, in one order', () => {
    expect(platformsOf(['s390x', 'amd64', 's390x']).map(formatPlatform)).toEqual(['linux/amd64', 'linux/s390x']);
  });

  test.each(['arm64', 'AMD64', '', 'toString', '__proto__'])('%j is none', (text) => {
    expect(isArchitecture(text)).toBe(false);
  });
});
