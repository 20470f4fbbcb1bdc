import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from './remote-error.ts';

/**
 * What makes room at a registry that takes no push into a project which nobody has made. A port: each such product has an
 * API of its own beside `/v2/`.
 */
export interface ProjectCreator {
  /**
   * Makes the projects that these repositories need and the registry lacks, each private. Gives their names; none where
   * the registry is of another product. Throws RemoteError or UsageError when one cannot be made.
   */
  createProjects(repositories: Iterable<RepositoryName>, call: Call): Promise<readonly string[]>;
}

/**
 * Makes what the registry of this name lacks, and says so in sentences. One that cannot be made is a sentence too:
 * whether the push is taken all the same is for the push to say.
 */
export async function makeProjects(
  creator: ProjectCreator,
  registry: string,
  repositories: Iterable<RepositoryName>,
  call: Call,
): Promise<readonly string[]> {
  try {
    const made = await creator.createProjects(repositories, call);
    return made.map((project) => `made the private project ${project} at ${registry}`);
  } catch (error) {
    if (!(error instanceof RemoteError) && !(error instanceof UsageError)) throw error;
    return [error.message];
  }
}

/** Why a push may have been refused, as the end of a sentence: any registry but a Harbor takes one to what is not there yet. */
export function hintOfProject({ status, message }: RemoteError): string {
  // Harbor says it with this or that status.
  const mayLackProject = status === 404 || /\bproject \S+ not found/i.test(message);
  return mayLackProject ? '; where a Harbor lacks the project, --create-projects makes it' : '';
}
