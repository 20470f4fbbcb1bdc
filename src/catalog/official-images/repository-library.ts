import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { git, GitError } from './git.ts';
import type { Library, LibrarySnapshot } from './library.ts';
import { readLibraryAt } from './read-library-at.ts';

/** A git repository on this machine, bare or not, or a folder in one: its objects are read, not its files. */
export class RepositoryLibrary implements Library {
  readonly #folder: string;
  readonly #revision: string;

  constructor(folder: string, revision: string) {
    this.#folder = folder;
    this.#revision = revision;
  }

  async read(call: Call = {}): Promise<LibrarySnapshot> {
    const location = ['-C', this.#folder];
    try {
      await git([...location, 'rev-parse', '--git-dir'], call);
    } catch (cause) {
      if (!(cause instanceof GitError)) throw cause;
      const failure = `"${this.#folder}" is not a git repository that can be read (git said: ${cause.message})`;
      throw new UsageError(`${failure}; name one, or leave out the revision to read a folder as it is`, { cause });
    }
    const repository = { location, description: `"${this.#folder}"`, remedy: 'check it with "git fsck"' };
    return readLibraryAt(repository, this.#revision, call);
  }
}
