import { parseDuration } from '../../config/duration.ts';
import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { commitOf, type GitRepository, refuseOption } from './git-repository.ts';
import { git, GitError } from './git.ts';

export interface Since {
  /** A revision, or a time: see Catalog.changesSince. */
  readonly since: string;
  /** The commit that was listed: what HEAD means, and where a time looks back from. */
  readonly listed: string;
  readonly now: Date;
}

/** The commit that is meant; `undefined` for a time before the first one. Throws UsageError. */
export async function commitSince(
  repository: GitRepository,
  { since, listed, now }: Since,
  call: Call,
): Promise<string | undefined> {
  refuseOption('revision', since);
  const timeMs = parseTime(since, now);
  if (timeMs !== undefined && !(await isRef(repository, since, call))) {
    return lastCommitUpTo(repository, { timeMs, listed }, call);
  }
  // In a copy of a remote repository, HEAD itself means nothing.
  const commit = await commitOf(repository, since.replace(/^(?:HEAD|@)(?=[~^]|$)/, listed), call);
  if (commit !== undefined) return commit;
  const failure = `${repository.description} has no revision "${since}", and it is no time either`;
  throw new UsageError(
    `${failure}; name a branch, a tag, a commit, a time such as 2026-08-21T10:00Z, or 7d for a week ago`,
  );
}

const ISO_TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

function parseTime(text: string, now: Date): number | undefined {
  // `1234567d` is the beginning of a commit rather than three thousand years.
  const agoMs = /^\d{6,}d$/.test(text) ? undefined : parseDuration(text);
  if (agoMs !== undefined) return now.getTime() - agoMs;
  const [, day, time = '00:00', offset = 'Z'] = ISO_TIME.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  const timeMs = Date.parse(`${day}T${time}${offset}`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

// JavaScript takes February 30 for March 2.
function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

async function isRef(repository: GitRepository, name: string, call: Call): Promise<boolean> {
  const candidates = [`refs/heads/${name}`, `refs/tags/${name}`];
  const found = await ask(repository, ['for-each-ref', '--format=%(refname)', ...candidates], call);
  return found.split('\n').some((ref) => candidates.includes(ref));
}

/** The first parents are the states that the branch has been in; what else was merged was elsewhere at that time. */
async function lastCommitUpTo(
  repository: GitRepository,
  { timeMs, listed }: { timeMs: number; listed: string },
  call: Call,
): Promise<string | undefined> {
  const seconds = Math.max(Math.floor(timeMs / 1000), 0);
  const commit = await ask(
    repository,
    ['rev-list', '--first-parent', '--max-count=1', `--min-age=${seconds}`, listed, '--'],
    call,
  );
  return commit === '' ? undefined : commit;
}

async function ask({ location, description, remedy }: GitRepository, args: readonly string[], call: Call) {
  try {
    return (await git([...location, ...args], call)).toString().trim();
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    const failure = `the history of ${description} could not be read (git said: ${cause.message})`;
    throw new UsageError(`${failure}; ${remedy}`, { cause });
  }
}
