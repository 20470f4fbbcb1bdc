import type { Pattern } from '../oci/pattern.ts';
import { type RepositoryName, formatReference, isRepositoryName } from '../oci/reference.ts';
import type { Call, ListsTags } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Catalog, CatalogListing, CatalogProblem } from './catalog.ts';
import { listRepositories } from './listed-repositories.ts';
import { registryTags } from './tag-list.ts';

export interface RegistryCatalogOptions {
  /** What messages call the registry: `quay.io`. */
  readonly host: string;
  /** The upstream that the names are of. */
  readonly upstream: string;
  /** Which of its repositories. Where none has a star, they are the list, and the registry is not asked for one. */
  readonly repositories: readonly Pattern[];
  /** The registry's own list of its repositories. Throws RemoteError. */
  readonly listRepositories: (call: Call) => Promise<readonly string[]>;
  readonly repositoryOf: (name: RepositoryName) => ListsTags;
}

/** All tags of a registry's repositories. One that cannot be listed is a problem, and the rest is listed. */
export function registryCatalog(options: RegistryCatalogOptions): Catalog {
  const { host, upstream, repositoryOf } = options;
  return {
    description: `the repositories of ${host}`,
    async list(call: Call = {}): Promise<CatalogListing> {
      const names = await namesOf(options, call);
      const listed = await listRepositories(names, { upstream, listTags: registryTags(repositoryOf) }, call);
      // A repository without tags stays in some registries' lists, though they know it no more.
      const problems = [...listed].flatMap(([repository, { error }]): CatalogProblem[] => {
        const file = formatReference({ domain: upstream, repository });
        return error === undefined ? [] : [{ file, message: error.message }];
      });
      const images = listed.values().flatMap(({ images }) => images ?? []);
      return { images: [...images], problems, notices: [] };
    },
  };
}

async function namesOf({ host, repositories, listRepositories }: RegistryCatalogOptions, call: Call) {
  const texts = repositories.map(({ text }) => text);
  if (texts.every(isRepositoryName)) return texts;
  try {
    const names = await listRepositories(call);
    return names.filter(isRepositoryName).filter((name) => repositories.some((pattern) => pattern.matchesName(name)));
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const advice = 'not every registry lists its repositories; name them without a star, or write a list of images';
    throw new UsageError(`the repositories of ${host} could not be listed: ${error.message}; ${advice}`, {
      cause: error,
    });
  }
}
