import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { commitOf, type GitRepository } from './git-repository.ts';
import type { LibrarySnapshot } from './library.ts';
import { readLibraryAt } from './read-library-at.ts';

/** Everything in `library/` at a revision that is known not to be an option. Throws UsageError, also for nothing. */
export async function readRevision(repository: GitRepository, revision: string, call: Call): Promise<LibrarySnapshot> {
  const { description } = repository;
  const commit = await commitOf(repository, revision, call);
  if (commit === undefined) {
    throw new UsageError(`${description} has no revision "${revision}"; name a branch, a tag or a commit of it`);
  }
  const snapshot = await readLibraryAt(repository, commit, call);
  if (snapshot.files.length > 0 || snapshot.problems.length > 0) return snapshot;
  throw new UsageError(`${description} has no files in library/ at ${commit}; is it a copy of official-images?`);
}
