import type { CatalogImage } from '../catalog/catalog.ts';
import { OciError } from '../oci/errors.ts';
import { type RepositoryName, parseRepositoryName } from '../oci/reference.ts';
import { expandTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { SyncTarget } from './job.ts';

/**
 * The name that each upstream repository has at a target. Throws UsageError where two would share one, where a name is
 * not a legal one, or where the template speaks of tags: a sync keeps them.
 */
export function targetNames(
  images: readonly CatalogImage[],
  target: SyncTarget,
  upstream: string,
): ReadonlyMap<RepositoryName, RepositoryName> {
  const names = new Map<RepositoryName, RepositoryName>();
  const owners = new Map<RepositoryName, string>();
  for (const { repository, name } of images) {
    if (names.has(repository)) continue;
    const there = targetName(expandTemplate(target.template, { repository, name, upstream }), target);
    const owner = owners.get(there);
    if (owner !== undefined) {
      const both = `${owner} and ${repository}`;
      throw new UsageError(
        `${both} would both become ${there} at ${target.name}; use {repository} or {name} in its name, or end it with "/"`,
      );
    }
    owners.set(there, repository);
    names.set(repository, there);
  }
  return names;
}

function targetName(text: string, target: SyncTarget): RepositoryName {
  try {
    return parseRepositoryName(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new UsageError(`the template "${target.template}" makes "${text}", which is not a repository name`);
  }
}
