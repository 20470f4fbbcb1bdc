import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ScratchRepository, runGit } from '../../../test/support/library/scratch-repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { officialImages } from './official-images-catalog.ts';

const NOW = new Date('2026-08-21T12:00:00Z');

/** A library file with one entry for each tag; the digit is its commit. */
function tool(builds: Readonly<Record<string, number>>): string {
  const blocks = Object.entries(builds).map(([tag, digit]) => {
    return `Tags: ${tag}\nGitCommit: ${String(digit).repeat(40)}\nDirectory: ${tag}\n`;
  });
  return [`Maintainers: Ada (@ada)\nGitRepo: r\n`, ...blocks].join('\n');
}

let folder: string;

async function makeFolder() {
  folder = await mkdtemp(join(tmpdir(), 'wharf-since-'));
}

async function removeFolder() {
  await rm(folder, { recursive: true });
}

interface Place {
  readonly repository: string;
  readonly revision?: string | undefined;
}

async function ask(since: string, { repository, revision }: Place) {
  const catalog = officialImages({ repository, revision, cacheDirectory: join(folder, 'cache'), now: () => NOW });
  const listing = await catalog.list();
  const changes = await catalog.changesSince?.(listing, since);
  const images = [...(changes?.images ?? [])];
  for (const image of images) expect(listing.images).toContain(image);
  return { since: changes?.since, news: images.map(({ name, tags }) => `${name}:${tags.join()}`) };
}

describe('a revision or a time', () => {
  let upstream: ScratchRepository;
  let commits: Record<'first' | 'second' | 'side' | 'merge' | 'last', string>;

  /** The repository itself, whose history its copies share. */
  const bare = (): Place => ({ repository: join(folder, 'bare') });

  //   first ---- second ------ merge ---- last      master
  //   August 1   2   \         / 12       20, noon
  //                   side ---             August 5, merged a week later
  beforeAll(async () => {
    await makeFolder();
    upstream = new ScratchRepository(join(folder, 'work'));
    const library = (builds: Record<string, number>) => ({ 'library/tool': tool(builds) });
    const first = upstream.commit(library({ a: 1 }), '2026-08-01T00:00:00Z');
    const second = upstream.commit(library({ a: 1, b: 1 }), '2026-08-02T00:00:00Z');
    upstream.git('checkout', '--quiet', '-b', 'topic');
    const side = upstream.commit({ 'library/side': tool({ s: 1 }) }, '2026-08-05T00:00:00Z');
    upstream.git('checkout', '--quiet', 'master');
    upstream.git('merge', '--quiet', '--no-ff', '--no-commit', 'topic');
    const merge = upstream.commit({}, '2026-08-12T00:00:00Z');
    const last = upstream.commit(library({ a: 1, b: 1, c: 1 }), '2026-08-20T12:00:00Z');
    commits = { first, second, side, merge, last };
    upstream.git('tag', '--annotate', '--message=x', 'v1', first);
    upstream.git('tag', '2026-08-19', first);
    upstream.git('branch', '6d', second);
    runGit('clone', '--quiet', '--bare', '--', upstream.folder, join(folder, 'bare'));
  });

  afterAll(removeFolder);

  const A_TO_S = ['side:s', 'tool:a', 'tool:b', 'tool:c'];
  const SINCE_SECOND = ['side:s', 'tool:c'];

  test.each<[since: string, compared: keyof typeof commits | undefined, news: string[]]>([
    ['v1', 'first', ['side:s', 'tool:b', 'tool:c']],
    ['refs/tags/v1', 'first', ['side:s', 'tool:b', 'tool:c']],
    ['HEAD', 'last', []],
    ['@', 'last', []],
    ['HEAD~1', 'merge', ['tool:c']],
    ['HEAD^^2', 'side', ['tool:c']],
    ['master~2', 'second', SINCE_SECOND],
    ['topic', 'side', ['tool:c']],
    ['2026-08-20T12:00:00Z', 'last', []],
    ['2026-08-20T11:59:59Z', 'merge', ['tool:c']],
    ['2026-08-20T12:00:00.999+00:00', 'last', []],
    ['2026-08-20 20:00+08:00', 'last', []],
    ['2026-08-20T12:00', 'last', []],
    ['2026-08-12', 'merge', ['tool:c']],
    // What was merged later was not on the branch yet.
    ['2026-08-11', 'second', SINCE_SECOND],
    ['24h', 'last', []],
    ['25h', 'merge', ['tool:c']],
    ['2w', 'second', SINCE_SECOND],
    ['0s', 'last', []],
    ['2999-01-01', 'last', []],
    ['2026-07-31', undefined, A_TO_S],
    ['1969-12-31', undefined, A_TO_S],
    ['9007199254740991ms', undefined, A_TO_S],
    // Names that were given go before what they look like.
    ['2026-08-19', 'first', ['side:s', 'tool:b', 'tool:c']],
    ['2026-08-19T00:00', 'merge', ['tool:c']],
    ['6d', 'second', SINCE_SECOND],
  ])('%s', async (since, compared, news) => {
    expect(await ask(since, bare())).toEqual({ since: compared && commits[compared], news });
  });

  test('may be a commit, or the beginning of one', async () => {
    const expected = { since: commits.second, news: SINCE_SECOND };
    expect(await ask(commits.second, bare())).toEqual(expected);
    expect(await ask(commits.second.slice(0, 12), bare())).toEqual(expected);
  });

  test('is looked for along the branch that was listed', async () => {
    const place = { ...bare(), revision: 'topic' };
    expect(await ask('1h', place)).toEqual({ since: commits.side, news: [] });
    expect(await ask('2026-08-11', place)).toEqual({ since: commits.side, news: [] });
    expect(await ask('HEAD~1', place)).toEqual({ since: commits.second, news: ['side:s'] });
    expect(await ask('v1', { ...bare(), revision: '6d' })).toEqual({ since: commits.first, news: ['tool:b'] });
  });

  test('is found in a remote repository too, whose HEAD is what was listed', async () => {
    const place = { repository: `file://${upstream.folder}` };
    expect(await ask('HEAD~1', place)).toEqual({ since: commits.merge, news: ['tool:c'] });
    expect(await ask('2w', place)).toEqual({ since: commits.second, news: SINCE_SECOND });
    expect(await ask('v1', { ...place, revision: 'topic' })).toEqual({
      since: commits.first,
      news: ['side:s', 'tool:b'],
    });
  });

  test('is compared with the files on disk, where a checkout is read as it is', async () => {
    const repository = join(folder, 'checkout');
    runGit('clone', '--quiet', '--', upstream.folder, repository);
    await writeFile(join(repository, 'library', 'tool'), tool({ a: 2, b: 1, c: 1 }));
    expect(await ask('HEAD', { repository })).toEqual({ since: commits.last, news: ['tool:a'] });
    expect(await ask('25h', { repository })).toEqual({ since: commits.merge, news: ['tool:a', 'tool:c'] });
  });

  test.each([
    'v2',
    'HEAD~99',
    '^HEAD',
    'v1..HEAD',
    'HEAD:library',
    '2026-02-30',
    '2026-08-21T25:00',
    '1.5h',
    'yesterday',
    '1234567d',
  ])('%s is said to be none of them', async (since) => {
    const failure = ask(since, bare());
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(
      `"${join(folder, 'bare')}" has no revision "${since}", and it is no time either; name a branch, a tag, a commit, a time such as 2026-08-21T10:00Z, or 7d for a week ago`,
    );
  });

  test.each(['', '-1d', '--output=made', 'v1\n', 'v1\0'])('%j is not given to git', async (since) => {
    const failure = ask(since, bare());
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(/ cannot be a revision; it is empty, begins with "-"/);
  });
});

describe('the state of then', () => {
  let upstream: ScratchRepository;

  beforeEach(async () => {
    await makeFolder();
    upstream = new ScratchRepository(join(folder, 'tools.git'));
  });

  afterEach(removeFolder);

  const here = (): Place => ({ repository: upstream.folder, revision: 'master' });

  test('may have no library at all', async () => {
    const since = upstream.commit({ 'README.md': 'soon' });
    upstream.commit({ 'library/a': tool({ 1: 1 }) });
    expect(await ask('HEAD~1', here())).toEqual({ since, news: ['a:1'] });
  });

  test('may have files that are none: all of their images are news', async () => {
    upstream.commit({
      'library/binary': Buffer.from([0x80]),
      'library/large': Buffer.alloc(1024 * 1024 + 1, ' '),
      'library/link': { link: 'same' },
      'library/broken': 'Tags: 1',
      'library/same': tool({ 1: 1 }),
    });
    const file = tool({ 1: 1 });
    upstream.commit(
      Object.fromEntries(['binary', 'large', 'link', 'broken', 'same'].map((name) => [`library/${name}`, file])),
    );
    expect((await ask('HEAD~1', here())).news).toEqual(['binary:1', 'broken:1', 'large:1', 'link:1']);
  });

  test('is fetched when the copy does not have it, and cannot be told when nothing can be fetched', async () => {
    const since = upstream.commit({ 'library/a': tool({ 1: 1 }) });
    upstream.commit({ 'library/a': tool({ 1: 2 }) });
    upstream.commit({ 'library/a': tool({ 1: 3 }) });
    const place = { repository: `file://${upstream.folder}` };
    expect(await ask('HEAD~2', place)).toEqual({ since, news: ['a:1'] });
    await rename(upstream.folder, `${upstream.folder}.away`);
    expect(await ask('HEAD~2', place)).toEqual({ since, news: ['a:1'] });
    const failure = ask('HEAD~1', place);
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(/^library\/ at [0-9a-f]{40} of .* could not be read \(git said: fatal: /);
  });

  test('is compared with what was listed, whatever was committed since', async () => {
    upstream.commit({ 'library/a': tool({ 1: 1 }), 'library/b': tool({ 1: 1 }) });
    const catalog = officialImages({ ...here(), cacheDirectory: join(folder, 'cache'), now: () => NOW });
    const since = upstream.commit({ 'library/a': tool({ 1: 2 }) });
    const listing = await catalog.list();
    upstream.commit({ 'library/a': tool({ 1: 1 }), 'library/b': tool({ 1: 2 }) });
    expect(await catalog.changesSince?.(listing, 'HEAD')).toEqual({ since, images: new Set() });
    expect((await catalog.changesSince?.(listing, 'HEAD~1'))?.images).toEqual(new Set([listing.images[0]]));
  });

  test('cannot be told of a plain folder, of a history that is broken, or when the signal says so', async () => {
    await mkdir(join(folder, 'plain', 'library'), { recursive: true });
    await writeFile(join(folder, 'plain', 'library', 'a'), tool({ 1: 1 }));
    const plain = ask('7d', { repository: join(folder, 'plain') });
    await expect(plain).rejects.toThrow(UsageError);
    await expect(plain).rejects.toThrow(/plain" is not a git repository .*; a plain folder tells nothing of earlier/);

    const first = upstream.commit({ 'library/a': tool({ 1: 1 }) });
    upstream.commit({ 'library/a': tool({ 1: 2 }) });
    const catalog = officialImages({ ...here(), cacheDirectory: join(folder, 'cache'), now: () => NOW });
    const listing = await catalog.list();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(catalog.changesSince?.(listing, '7d', { signal })).rejects.toThrow('enough');
    await rm(join(upstream.folder, '.git', 'objects', first.slice(0, 2), first.slice(2)));
    const broken = catalog.changesSince?.(listing, '7d');
    await expect(broken).rejects.toThrow(UsageError);
    await expect(broken).rejects.toThrow(
      /^the history of .* could not be read \(git said: .*\); check it with "git fsck"$/,
    );
  });
});
