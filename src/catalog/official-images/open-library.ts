import { lstat, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from '../../oci/usage-error.ts';
import { BareClone } from './bare-clone.ts';
import { FolderLibrary } from './folder-library.ts';
import { refuseOption } from './git-repository.ts';
import { GIT_PROTOCOLS, withoutCredentials } from './git.ts';
import type { Library } from './library.ts';
import { RemoteLibrary } from './remote-library.ts';
import { RepositoryLibrary } from './repository-library.ts';
import { hasCode } from './system-error.ts';

export interface LibraryLocation {
  /** A git URL, a bundle, a git repository on this machine, or a folder that holds `library/`. */
  readonly repository: string;
  /** `undefined`: the files of a folder as they are, and otherwise the repository's own HEAD. */
  readonly revision?: string | undefined;
  /** Where copies of remote repositories are kept; made when one is needed. */
  readonly cacheDirectory: string;
  readonly now: () => Date;
}

/** Finds out what the location is; nothing is fetched yet. Throws UsageError when it is nothing that can be read. */
export async function openLibrary({ repository, revision, cacheDirectory, now }: LibraryLocation): Promise<Library> {
  refuseOption('repository', repository);
  if (revision !== undefined) refuseOption('revision', revision);
  const remoteLibrary = (remote: string): Library => {
    return new RemoteLibrary(new BareClone({ remote, cacheDirectory, now }), revision);
  };
  if (isUrl(repository)) return remoteLibrary(repository);
  const found = await stat(repository).catch(nothingIfMissing);
  if (found?.isFile() === true) return remoteLibrary(resolve(repository));
  if (found?.isDirectory() === true) return localLibrary(repository, revision);
  if (isSshAddress(repository)) return remoteLibrary(repository);
  throw new UsageError(
    `there is no folder, bundle or git repository "${repository}"; name one of them, or a URL such as https://…`,
  );
}

async function localLibrary(folder: string, revision: string | undefined): Promise<Library> {
  // Were library/ a link, every file of the folder that it leads to would be read.
  const library = revision === undefined ? await lstat(join(folder, 'library')).catch(nothingIfMissing) : undefined;
  return library?.isDirectory() === true
    ? new FolderLibrary(folder)
    : new RepositoryLibrary(folder, revision ?? 'HEAD');
}

function isUrl(text: string): boolean {
  const scheme = /^([A-Za-z0-9+.-]+):(?:\/\/|:)/.exec(text)?.[1];
  if (scheme === undefined) return false;
  if (GIT_PROTOCOLS.includes(scheme)) return true;
  const protocols = GIT_PROTOCOLS.join(', ');
  throw new UsageError(`"${withoutCredentials(text)}" begins with ${scheme}:, which is not fetched; use ${protocols}`);
}

/** `user@host:path`, git's other way to write ssh URLs. */
function isSshAddress(text: string): boolean {
  return /^[^/:]+:/.test(text);
}

function nothingIfMissing(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
}
