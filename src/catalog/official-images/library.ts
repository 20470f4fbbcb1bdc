// A library is a folder `library/` with one file an image, wherever it is kept: `library/nginx` is about nginx.
import type { Call } from '../../oci/repository.ts';
import type { CatalogProblem } from '../catalog.ts';
import type { GitRepository } from './git-repository.ts';

export interface Library {
  /** Throws UsageError when there is no library to read. */
  read(call?: Call): Promise<LibrarySnapshot>;
  /** Where its earlier states are; of a remote one, as they were known when it was last read. Throws UsageError. */
  history(call?: Call): Promise<GitRepository>;
}

/** Everything in `library/` as it was at one moment. */
export interface LibrarySnapshot {
  /** Sorted by name. */
  readonly files: readonly LibraryFile[];
  /** What lies in the folder and cannot be a library file. */
  readonly problems: readonly CatalogProblem[];
  /** The commit. */
  readonly revision?: string | undefined;
  /** Sentences for the report. */
  readonly notices: readonly string[];
}

export interface LibraryFile {
  /** `nginx`, where `library/nginx` is known to be the name of a repository. */
  readonly name: string;
  readonly text: string;
}
