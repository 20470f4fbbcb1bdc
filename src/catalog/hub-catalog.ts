import { type RepositoryName, formatReference } from '../oci/reference.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { HubApi } from '../remote/hub-api.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Catalog, CatalogListing, CatalogProblem } from './catalog.ts';
import { listRepositories } from './listed-repositories.ts';
import { hubTags } from './tag-list.ts';

export interface HubCatalogOptions {
  readonly namespace: string;
  /** The upstream whose web API it is: `docker.io`. */
  readonly upstream: string;
  /** A patient one: nobody else can list a namespace. */
  readonly api: HubApi;
}

/** A namespace with more is not listed to its end: a hundred times what the largest have. */
const MAX_REPOSITORIES = 100_000;

/**
 * All tags of all repositories of a namespace, private ones too where the login may see them. A repository that cannot
 * be listed, and a login that is refused, are problems; the rest is listed.
 */
export function hubCatalog({ namespace, upstream, api }: HubCatalogOptions): Catalog {
  const description = `the namespace ${namespace} at ${api.host}`;
  return {
    description,
    async list(call: Call = {}): Promise<CatalogListing> {
      const problems: CatalogProblem[] = [];
      const refused = await api.logIn(call);
      if (refused !== undefined) {
        problems.push({ file: description, message: `${refused.message}; only public repositories are listed` });
      }
      const { names, error } = await repositoriesOf(api, namespace, call);
      if (error !== undefined) {
        if (names.length === 0) throw nothingListed(error, { namespace, host: api.host });
        problems.push({ file: description, message: `${error.message}; the repositories from there on are missing` });
      }
      const listed = await listRepositories(names, { upstream, listTags: hubTags(api) }, call);
      for (const [repository, { images, error }] of listed) {
        if (images !== undefined) continue;
        const message = error?.message ?? `${api.host} lists this repository, but not its tags`;
        problems.push({ file: formatReference({ domain: upstream, repository }), message });
      }
      const images = listed.values().flatMap(({ images }) => images ?? []);
      return { images: [...images], problems, notices: [] };
    },
  };
}

async function repositoriesOf(api: HubApi, namespace: string, call: Call) {
  const names = new Set<RepositoryName>();
  try {
    for await (const page of api.repositories(namespace, call)) {
      for (const name of page) names.add(name);
      if (names.size >= MAX_REPOSITORIES) break;
    }
    return { names: [...names] };
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    return { names: [...names], error };
  }
}

function nothingListed(error: RemoteError, { namespace, host }: { namespace: string; host: string }): UsageError {
  const message = isNotFound(error)
    ? `${host} has no namespace "${namespace}", or shows nothing of it to us; check the name, or log in with \`wharf login\``
    : `the repositories of ${namespace} could not be listed: ${error.message}`;
  return new UsageError(message, { cause: error });
}
