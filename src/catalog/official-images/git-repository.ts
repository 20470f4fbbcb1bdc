import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { git, GitError } from './git.ts';

export interface GitRepository {
  /** What git is told before the command, so that it works there: `--git-dir=…` or `-C …`. */
  readonly location: readonly string[];
  /** How to name it to people. */
  readonly description: string;
  /** What people can do when git cannot read it. */
  readonly remedy: string;
}

/** The repository that a folder is, or lies in. Throws UsageError when there is none; `advice` says what to do then. */
export async function localRepository(folder: string, advice: string, call: Call): Promise<GitRepository> {
  const location = ['-C', folder];
  try {
    await git([...location, 'rev-parse', '--git-dir'], call);
  } catch (cause) {
    if (!(cause instanceof GitError)) throw cause;
    const failure = `"${folder}" is not a git repository that can be read (git said: ${cause.message})`;
    throw new UsageError(`${failure}; ${advice}`, { cause });
  }
  return { location, description: `"${folder}"`, remedy: 'check it with "git fsck"' };
}

/** What a revision means: whatever git takes for one, if it passed `refuseOption`. `undefined` when it names no commit. */
export async function commitOf({ location }: GitRepository, revision: string, call: Call): Promise<string | undefined> {
  try {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
    const commit = (await git([...location, ...args], call)).toString().trim();
    // `^master` is fine with git as well: all that master does not have.
    return /^[0-9a-f]+$/.test(commit) ? commit : undefined;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return undefined;
  }
}

/** Throws UsageError for what git would take for an option, or what steers a terminal. */
export function refuseOption(what: string, text: string): void {
  if (text === '' || text.startsWith('-') || /\p{Cc}/u.test(text)) {
    throw new UsageError(
      `${JSON.stringify(text)} cannot be a ${what}; it is empty, begins with "-" or has control characters`,
    );
  }
}
