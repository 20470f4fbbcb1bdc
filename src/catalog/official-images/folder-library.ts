import { constants, type Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call } from '../../oci/repository.ts';
import { type GitRepository, localRepository } from './git-repository.ts';
import { type ItemKind, LibraryCollector } from './library-collector.ts';
import type { Library, LibrarySnapshot } from './library.ts';
import { isSystemError } from './system-error.ts';

// A link put in place of the file since it was listed is not followed either, and a pipe does not make us wait.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A folder that holds `library/`, read as it is on disk. */
export class FolderLibrary implements Library {
  readonly #parent: string;
  readonly #folder: string;

  constructor(parent: string) {
    this.#parent = parent;
    this.#folder = join(parent, 'library');
  }

  async read(call: Call = {}): Promise<LibrarySnapshot> {
    const collector = new LibraryCollector();
    for (const item of await readdir(this.#folder, { withFileTypes: true })) {
      call.signal?.throwIfAborted();
      if (collector.admits(item.name, kindOf(item))) await this.#readFile(item.name, collector);
    }
    return { ...collector.collected(), notices: [] };
  }

  /** Not of the files on disk, but of what was committed of them. */
  async history(call: Call = {}): Promise<GitRepository> {
    return localRepository(this.#parent, 'a plain folder tells nothing of earlier states, so name a repository', call);
  }

  async #readFile(name: string, collector: LibraryCollector): Promise<void> {
    try {
      await using file = await open(join(this.#folder, name), FLAGS);
      const { size } = await file.stat();
      if (collector.admitsSize(name, size)) collector.add(name, await file.readFile());
    } catch (error) {
      if (!isSystemError(error)) throw error;
      collector.reject(name, `the file cannot be read (${error.code})`);
    }
  }
}

function kindOf(item: Dirent): ItemKind {
  if (item.isFile()) return 'file';
  if (item.isDirectory()) return 'folder';
  return item.isSymbolicLink() ? 'symbolic link' : 'special file';
}
