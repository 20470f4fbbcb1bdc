// Everything that can be found wanting before anything is fetched: the catalog, the names, and each target.
import type { CatalogListing } from '../catalog/catalog.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { selectImages } from '../select/select-images.ts';
import { type WantedRepository, groupByRepository } from './discover.ts';
import type { SyncJob, SyncTarget } from './job.ts';
import { targetNames } from './target-names.ts';

export interface PreparedJob {
  readonly listing: CatalogListing;
  readonly repositories: readonly WantedRepository[];
  readonly names: ReadonlyMap<SyncTarget, ReadonlyMap<RepositoryName, RepositoryName>>;
}

/** Throws UsageError with one sentence that says which side lacks what. `mayPush` also tries the right to push. */
export async function prepareJob(job: SyncJob, call: Call & { readonly mayPush: boolean }): Promise<PreparedJob> {
  const listing = await job.catalog.list(call);
  const images = selectImages(listing.images, job.selection);
  const names = new Map(job.targets.map((target) => [target, targetNames(images, target, job.upstream.name)]));
  const repositories = groupByRepository(images);
  if (call.mayPush) {
    for (const [target, ofTarget] of names) await tryTarget(target, ofTarget.values().next().value, call);
  }
  return { listing, repositories, names };
}

async function tryTarget(target: SyncTarget, name: RepositoryName | undefined, call: Call): Promise<void> {
  if (name === undefined) return;
  try {
    await target.registry.repository(name).tryToPush(call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    throw new UsageError(`cannot push to the target: ${error.message}`, { cause: error });
  }
}
