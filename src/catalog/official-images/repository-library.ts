import type { Call } from '../../oci/repository.ts';
import { type GitRepository, localRepository } from './git-repository.ts';
import type { Library, LibrarySnapshot } from './library.ts';
import { readRevision } from './read-revision.ts';

/** A git repository on this machine, bare or not, or a folder in one: its objects are read, not its files. */
export class RepositoryLibrary implements Library {
  readonly #folder: string;
  readonly #revision: string;

  constructor(folder: string, revision: string) {
    this.#folder = folder;
    this.#revision = revision;
  }

  async read(call: Call = {}): Promise<LibrarySnapshot> {
    return readRevision(await this.history(call), this.#revision, call);
  }

  async history(call: Call = {}): Promise<GitRepository> {
    return localRepository(this.#folder, 'name one, or leave out the revision to read a folder as it is', call);
  }
}
