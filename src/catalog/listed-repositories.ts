import { forEach } from '../async/for-each.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { CatalogImage } from './catalog.ts';
import { imagesOfTags } from './images-of-tags.ts';
import type { ListTags } from './tag-list.ts';

export interface ListedRepository {
  /** `undefined`: there is no such repository. */
  readonly images: readonly CatalogImage[] | undefined;
  /** Why the repository could not be listed. */
  readonly error?: RemoteError | undefined;
}

const REPOSITORIES_AT_ONCE = 4;

/** All tags of each repository, in the order of the names. One that cannot be listed does not keep the rest from it. */
export async function listRepositories(
  names: readonly RepositoryName[],
  { upstream, listTags }: { readonly upstream: string; readonly listTags: ListTags },
  call: Call,
): Promise<ReadonlyMap<RepositoryName, ListedRepository>> {
  // In the order of the names, whichever is listed first.
  const listed = new Map<RepositoryName, ListedRepository>(names.map((name) => [name, { images: undefined }]));
  await forEach(listed.keys().toArray(), REPOSITORIES_AT_ONCE, async (name) => {
    try {
      const tags = await listTags(name, call);
      listed.set(name, { images: tags && imagesOfTags(name, upstream, tags) });
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
      listed.set(name, { images: undefined, error });
    }
  });
  return listed;
}
