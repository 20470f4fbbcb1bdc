import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ScratchRepository } from '../../../test/support/library/scratch-repository.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { main } from '../main.ts';

/** A library file with one entry for each tag; the digit is its commit. */
function libraryFile(builds: Readonly<Record<string, number>>): string {
  const blocks = Object.entries(builds).map(([tag, digit]) => {
    return `Tags: ${tag}, ${tag}-x\nGitCommit: ${String(digit).repeat(40)}\nDirectory: ${tag}\n`;
  });
  return ['Maintainers: Ada (@ada)\nGitRepo: r\n', ...blocks].join('\n');
}

let folder: string;
let library: ScratchRepository;
let first: string;
let second: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-catalog-command-'));
  library = new ScratchRepository(join(folder, 'library.git'));
  const tool = { 'library/tool': libraryFile({ 1: 1, 2: 1 }) };
  first = library.commit({ ...tool, 'library/other': libraryFile({ 1: 1 }) }, '2026-08-01T00:00:00Z');
  second = library.commit({ 'library/tool': libraryFile({ 1: 1, 2: 2, 3: 1 }) }, '2026-08-02T00:00:00Z');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function run(...args: readonly string[]) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(['catalog', ...args], terminal);
  return { ...said, exitCode };
}

const catalog = () => ['--catalog', `official-images:${library.folder}`];

describe('wharf catalog --since', () => {
  test('lists what changed, and says since which commit', async () => {
    expect(await run(...catalog(), '--since', 'HEAD~1')).toEqual({
      out: 'tool:2,2-x\ntool:3,3-x\n',
      err: `1 name, 2 images, 4 tags changed since commit ${first.slice(0, 12)}\n`,
      exitCode: 0,
    });
  });

  test('goes with the other choices, and with JSON', async () => {
    const { out } = await run(...catalog(), '--since', '2026-08-01T12:00Z', '--exclude', '*:*-x', '--json');
    const platforms = ['linux/amd64'];
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      since: first,
      images: [
        { repository: 'tool', tags: ['2'], platforms },
        { repository: 'tool', tags: ['3'], platforms },
      ],
    });
  });

  test('lists nothing when nothing changed, and all when no commit is as old', async () => {
    const nothing = {
      out: '',
      err: `0 names, 0 images, 0 tags changed since commit ${second.slice(0, 12)}\n`,
      exitCode: 0,
    };
    expect(await run(...catalog(), '--since', '2026-08-02')).toEqual(nothing);
    expect(await run(...catalog(), '--since', '2026-07-31', '--format', 'names')).toEqual({
      out: 'other\ntool\n',
      err: '2 names, 4 images, 8 tags: all, for no commit is as old as 2026-07-31\n',
      exitCode: 0,
    });
  });

  test('has exit code 1 when a file of the catalog is broken, also when no image changed', async () => {
    library.commit({ 'library/broken': 'Tags: 1' });
    const { out, err, exitCode } = await run(...catalog(), '--since', 'HEAD~1');
    expect([out, exitCode]).toEqual(['', 1]);
    expect(err).toMatch(/^wharf: library\/broken:1: Maintainers is missing/);
  });

  test('has exit code 2 for what is no revision, and for lists', async () => {
    expect(await run(...catalog(), '--since', 'v9')).toMatchObject({ out: '', exitCode: 2 });
    expect(await run('--images', 'nginx', '--since', '7d')).toEqual({
      out: '',
      err: 'wharf: --since needs a history, and there is none of the images that were named; use it with --library\n',
      exitCode: 2,
    });
  });
});
