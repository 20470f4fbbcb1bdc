import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScratchRepository, runGit } from '../../../test/support/library/scratch-repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { openLibrary } from './open-library.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-library-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function read(repository: string, revision?: string) {
  const cacheDirectory = join(folder, 'cache');
  const library = await openLibrary({ repository, revision, cacheDirectory, now: () => new Date() });
  return library.read();
}

describe('a folder that holds library/', () => {
  test('is read as it is on disk, without git', async () => {
    await mkdir(join(folder, 'library'));
    await writeFile(join(folder, 'library', 'b'), 'two');
    await writeFile(join(folder, 'library', 'a'), '\uFEFFone');
    vi.stubEnv('PATH', '');
    expect(await read(folder)).toEqual({
      files: [
        { name: 'a', text: '\uFEFFone' },
        { name: 'b', text: 'two' },
      ],
      problems: [],
      notices: [],
    });
  });

  test('also when it is in a git repository and has changes that are not committed', async () => {
    const repository = new ScratchRepository(folder);
    repository.commit({ 'library/a': 'committed' });
    await writeFile(join(folder, 'library', 'a'), 'changed');
    expect((await read(folder)).files).toEqual([{ name: 'a', text: 'changed' }]);
  });

  test('what cannot be a library file is a problem, and links are not followed', async () => {
    const library = join(folder, 'library');
    await mkdir(join(library, 'sub'), { recursive: true });
    await writeFile(join(folder, 'secret'), 'secret');
    await symlink(join(folder, 'secret'), join(library, 'link'));
    await symlink(library, join(library, 'loop'));
    await writeFile(join(library, 'Upper'), '');
    await writeFile(join(library, '.hidden'), '');
    await writeFile(join(library, 'new\nline'), '');
    await writeFile(join(library, 'binary'), Buffer.from([0x80]));
    await writeFile(join(library, 'large'), Buffer.alloc(1024 * 1024 + 1, ' '));
    await writeFile(join(library, 'full'), Buffer.alloc(1024 * 1024, ' '));
    const { files, problems } = await read(folder);
    expect(files.map(({ name }) => name)).toEqual(['full']);
    expect(problems).toEqual([
      { file: 'library/.hidden', message: 'no image can have the name of this file' },
      { file: 'library/Upper', message: 'no image can have the name of this file' },
      { file: 'library/binary', message: 'the file is not UTF-8 text' },
      { file: 'library/large', message: 'the file has 1048577 bytes; at most 1048576 are read' },
      { file: 'library/link', message: 'this is a symbolic link; only plain files are read' },
      { file: 'library/loop', message: 'this is a symbolic link; only plain files are read' },
      { file: 'library/new?line', message: 'no image can have the name of this file' },
      { file: 'library/sub', message: 'this is a folder; only plain files are read' },
    ]);
  });

  test('library/ itself must not be a link', async () => {
    await symlink('/', join(folder, 'library'));
    await expect(read(folder)).rejects.toThrow(/is not a git repository that can be read/);
  });

  test('that would fill the memory is refused', async () => {
    await mkdir(join(folder, 'library'));
    const megabyte = Buffer.alloc(1024 * 1024, ' ');
    for (let i = 0; i < 65; i++) await writeFile(join(folder, 'library', `f${i}`), megabyte);
    await expect(read(folder)).rejects.toThrow(/more than 67108864 bytes; this cannot be a library/);
  });
});

describe('a git repository on this machine', () => {
  test('is read at a revision: a branch, a tag, a commit, or what git makes of them', async () => {
    const repository = new ScratchRepository(folder);
    const first = repository.commit({ 'library/a': 'one', 'library/gone': 'x', 'other/b': 'y' });
    repository.git('tag', '--annotate', '--message=x', 'v1');
    const second = repository.commit({ 'library/a': 'two', 'library/gone': undefined });
    for (const revision of ['v1', first, 'master~1', 'refs/tags/v1']) {
      expect(await read(folder, revision)).toEqual({
        files: [
          { name: 'a', text: 'one' },
          { name: 'gone', text: 'x' },
        ],
        problems: [],
        revision: first,
        notices: [],
      });
    }
    expect(await read(folder, 'master')).toMatchObject({ revision: second, files: [{ text: 'two' }] });
  });

  test('is read at its HEAD when it is bare and no revision was asked', async () => {
    const commit = new ScratchRepository(join(folder, 'work')).commit({ 'library/a': 'one' });
    runGit('clone', '--quiet', '--bare', '--', join(folder, 'work'), join(folder, 'bare'));
    expect(await read(join(folder, 'bare'))).toMatchObject({ revision: commit, files: [{ name: 'a', text: 'one' }] });
  });

  test('may be a subfolder of one', async () => {
    const commit = new ScratchRepository(folder).commit({ 'mirror/library/a': 'one', 'library/b': 'two' });
    expect(await read(join(folder, 'mirror'), 'HEAD')).toMatchObject({ revision: commit, files: [{ name: 'a' }] });
  });

  test('has the same problems as a folder', async () => {
    const repository = new ScratchRepository(folder);
    repository.commit({
      'library/link': { link: '/etc/passwd' },
      'library/sub/a': '',
      'library/Upper': '',
      'library/with space': '',
      'library/new\nline': '',
      'library/binary': Buffer.from([0x80, 0x0a]),
      'library/large': Buffer.alloc(1024 * 1024 + 1, ' '),
      'library/zero': '',
      'library/fine': 'no line feed at the end',
    });
    const { files, problems } = await read(folder, 'HEAD');
    expect(files).toEqual([
      { name: 'fine', text: 'no line feed at the end' },
      { name: 'zero', text: '' },
    ]);
    expect(problems.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      'library/Upper: no image can have the name of this file',
      'library/binary: the file is not UTF-8 text',
      'library/large: the file has 1048577 bytes; at most 1048576 are read',
      'library/link: this is a symbolic link; only plain files are read',
      'library/new?line: no image can have the name of this file',
      'library/sub: this is a folder; only plain files are read',
      'library/with space: no image can have the name of this file',
    ]);
  });

  test('without that revision, without library/, or none at all, is said in a sentence', async () => {
    const repository = new ScratchRepository(join(folder, 'work'));
    repository.commit({ 'library-of-another-name/a': '' });
    await expect(read(repository.folder, 'v9')).rejects.toThrow(
      new UsageError(`"${repository.folder}" has no revision "v9"; name a branch, a tag or a commit of it`),
    );
    await expect(read(repository.folder)).rejects.toThrow(/has no files in library\/ at [0-9a-f]{40}; is it a copy/);
    await mkdir(join(folder, 'plain', 'library'), { recursive: true });
    await expect(read(join(folder, 'plain'), 'master')).rejects.toThrow(
      /"; name one, or leave out the revision|not a git repository that can be read \(git said: .*leave out the revision/,
    );
  });
});

describe('what is not opened', () => {
  test.each(['--upload-pack=touch made', '-', '', 'a\nb', 'a\0b'])('a repository or revision %j', async (text) => {
    await expect(read(text)).rejects.toThrow(UsageError);
    await expect(read(folder, text)).rejects.toThrow(/cannot be a revision/);
  });

  test.each(['ext::sh -c "touch made"', 'ftp://example.org/x', 'transport::address'])('%s', async (url) => {
    await expect(read(url)).rejects.toThrow(/which is not fetched; use https, http, ssh, git, file$/);
  });

  test('an ssh URL whose host is an option', async () => {
    await expect(read(`ssh://-oProxyCommand=touch%20${folder}/made/x`)).rejects.toThrow(UsageError);
    expect(await readdir(folder)).toEqual(['cache']);
  });

  test('a path where nothing is', async () => {
    await expect(read(join(folder, 'nothing'))).rejects.toThrow(/^there is no folder, bundle or git repository "/);
  });
});
