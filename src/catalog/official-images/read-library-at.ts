// Reads library/ from the objects of a git repository: a handful of processes, however many files there are.
import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { GitRepository } from './git-repository.ts';
import { FETCH_TIMEOUT_MS, git, GitError } from './git.ts';
import { type ItemKind, LibraryCollector } from './library-collector.ts';
import type { LibrarySnapshot } from './library.ts';

/** Everything in `library/` at a commit; nothing where the commit has no such folder. Throws UsageError. */
export async function readLibraryAt(repository: GitRepository, commit: string, call: Call): Promise<LibrarySnapshot> {
  try {
    return await readCommit(repository, commit, call);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const failure = `library/ at ${commit} of ${repository.description} could not be read`;
    throw new UsageError(`${failure} (git said: ${error.message}); ${repository.remedy}`, { cause: error });
  }
}

interface Item {
  readonly name: string;
  readonly kind: ItemKind;
  readonly id: string;
}

async function readCommit(repository: GitRepository, commit: string, call: Call): Promise<LibrarySnapshot> {
  const collector = new LibraryCollector();
  const items = (await listItems(repository, commit, call)).filter(({ name, kind }) => collector.admits(name, kind));
  await fetchMissing(repository, { commit, items }, call);
  const sizes = await sizesOf(repository, items, call);
  const chosen = items
    .map((item, index) => ({ ...item, sizeBytes: sizes[index] ?? 0 }))
    .filter(({ name, sizeBytes }) => collector.admitsSize(name, sizeBytes));
  const output = await batch(repository, { option: '--batch', items: chosen }, call);
  let start = 0;
  for (const { name, sizeBytes } of chosen) {
    // Each content stands behind a line that announces it, and in front of a line feed.
    const content = output.indexOf('\n', start) + 1;
    collector.add(name, output.subarray(content, content + sizeBytes));
    start = content + sizeBytes + 1;
  }
  return { ...collector.collected(), revision: commit, notices: [] };
}

async function listItems({ location }: GitRepository, commit: string, call: Call): Promise<Item[]> {
  const listing = await git([...location, 'ls-tree', '-z', commit, '--', 'library/'], call);
  // `<mode> <type> <id>\t<path>`, in a repository's subfolder relative to it.
  return listing
    .toString()
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [mode = '', , id = ''] = line.slice(0, line.indexOf('\t')).split(' ');
      return { name: line.slice(line.indexOf('\t') + '\tlibrary/'.length), kind: kindOf(mode), id };
    });
}

function kindOf(mode: string): ItemKind {
  if (mode.startsWith('100')) return 'file';
  if (mode === '040000') return 'folder';
  return mode === '120000' ? 'symbolic link' : 'special file';
}

/** In a clone without contents git would fetch each that it misses by itself, with a connection for each. */
async function fetchMissing(
  { location }: GitRepository,
  { commit, items }: { commit: string; items: readonly Item[] },
  call: Call,
): Promise<void> {
  const args = ['rev-list', '--objects', '--missing=print', '--no-walk', commit, '--', 'library/'];
  const listed = (await git([...location, ...args], call)).toString().split('\n');
  const missing = new Set(listed.filter((line) => line.startsWith('?')).map((line) => line.slice(1)));
  const wanted = new Set(items.map(({ id }) => id).filter((id) => missing.has(id)));
  if (wanted.size === 0) return;
  const fetch = ['fetch', '--quiet', '--no-write-fetch-head', '--no-tags', '--filter=blob:none', '--stdin', 'origin'];
  await git([...location, '-c', 'fetch.negotiationAlgorithm=noop', ...fetch], {
    ...call,
    input: [...wanted].join('\n'),
    timeoutMs: FETCH_TIMEOUT_MS,
  });
}

async function sizesOf(repository: GitRepository, items: readonly Item[], call: Call): Promise<number[]> {
  const output = await batch(repository, { option: '--batch-check=%(objectsize)', items }, call);
  const lines = output.toString().split('\n');
  const unknown = lines.find((line) => !/^\d*$/.test(line));
  if (unknown !== undefined) throw new GitError(unknown);
  return lines.map(Number);
}

async function batch(
  { location }: GitRepository,
  { option, items }: { option: string; items: readonly Item[] },
  call: Call,
): Promise<Buffer> {
  const input = items.map(({ id }) => `${id}\n`).join('');
  return git([...location, 'cat-file', '--buffer', option], { ...call, input });
}
