// Everything that can be found wanting before anything is fetched: the catalog, the names, and each target.
import type { CatalogListing } from '../catalog/catalog.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { hintOfProject, makeProjects } from '../remote/project-creator.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { selectImages } from '../select/select-images.ts';
import { type WantedRepository, groupByRepository } from './discover.ts';
import type { SyncJob, SyncTarget } from './job.ts';
import { targetNames } from './target-names.ts';

export interface PreparedJob {
  readonly listing: CatalogListing;
  readonly repositories: readonly WantedRepository[];
  readonly names: ReadonlyMap<SyncTarget, ReadonlyMap<RepositoryName, RepositoryName>>;
  /** What the catalog changed since then; `undefined` where that is not known. */
  readonly changes: { readonly since: string | undefined; readonly tags: ReadonlySet<string> } | undefined;
  /** Sentences for the report. */
  readonly notices: readonly string[];
}

export interface PrepareCall extends Call {
  /** Whether the right to push is tried. */
  readonly mayPush: boolean;
  /** Only what the catalog changed since then is wanted: a revision or a time. */
  readonly since?: string | undefined;
}

/** Throws UsageError with one sentence that says which side lacks what. */
export async function prepareJob(job: SyncJob, call: PrepareCall): Promise<PreparedJob> {
  const listing = await job.catalog.list(call);
  const { changes, notices } = await changesOf(job, listing, call);
  const listed =
    call.since === undefined ? listing.images : listing.images.filter((image) => changes?.images.has(image));
  const images = selectImages(listed, job.selection);
  const names = new Map(job.targets.map((target) => [target, targetNames(images, target, job.upstream.name)]));
  const made: string[] = [];
  if (call.mayPush) {
    for (const [target, ofTarget] of names) {
      const { name, projects } = target;
      if (projects !== undefined) made.push(...(await makeProjects(projects, name, ofTarget.values(), call)));
      await tryTarget(target, ofTarget.values().next().value, call);
    }
  }
  const changed = [...(changes?.images ?? [])].flatMap(({ repository, tags }) =>
    tags.map((tag) => `${repository}:${tag}`),
  );
  return {
    listing,
    repositories: groupByRepository(images),
    names,
    changes: changes && { since: changes.since, tags: new Set(changed) },
    notices: [...listing.notices, ...notices, ...made],
  };
}

/** Since what was asked for, or else since the last run that left nothing undone. */
async function changesOf({ catalog, state }: SyncJob, listing: CatalogListing, { since, signal }: PrepareCall) {
  if (since !== undefined) {
    if (catalog.changesSince === undefined) {
      throw new UsageError(`${catalog.description} has no history, so nothing can be chosen by --since`);
    }
    return { changes: await catalog.changesSince(listing, since, { signal }), notices: [] };
  }
  const synced = state?.history.syncedRevision;
  if (synced === undefined || listing.revision === undefined) return { changes: undefined, notices: [] };
  try {
    return { changes: await catalog.changesSince?.(listing, synced, { signal }), notices: [] };
  } catch (error) {
    // A history that was rewritten: then all is looked at alike.
    if (!(error instanceof UsageError)) throw error;
    return { changes: undefined, notices: [`what changed since the last run is not known: ${error.message}`] };
  }
}

async function tryTarget(target: SyncTarget, name: RepositoryName | undefined, call: Call): Promise<void> {
  if (name === undefined) return;
  try {
    await target.registry.repository(name).tryToPush(call);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    throw new UsageError(`cannot push to the target: ${error.message}${hintOfProject(error)}`, { cause: error });
  }
}
