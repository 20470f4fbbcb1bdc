// Room for what is copied, at registries that want a project before they take a push.
import { type RepositoryName, isRepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { type ProjectCreator, makeProjects } from '../remote/project-creator.ts';
import type { PairedDestination } from './copy-images.ts';

/** Makes what the destinations lack, each registry's once, and says so in sentences. */
export async function createMissingProjects(
  paired: readonly PairedDestination[],
  creatorAt: (registry: string) => ProjectCreator,
  call: Call,
): Promise<readonly string[]> {
  const notices: string[] = [];
  for (const [registry, names] of repositoriesByRegistry(paired)) {
    notices.push(...(await makeProjects(creatorAt(registry), registry, names, call)));
  }
  return notices;
}

function repositoriesByRegistry(
  paired: readonly PairedDestination[],
): ReadonlyMap<string, ReadonlySet<RepositoryName>> {
  const names = new Map<string, Set<RepositoryName>>();
  for (const { destination, names: ofImages } of paired) {
    if (destination.registry === undefined) continue;
    const known = names.get(destination.registry) ?? new Set<RepositoryName>();
    names.set(destination.registry, known);
    for (const { repository = '' } of ofImages.values()) if (isRepositoryName(repository)) known.add(repository);
  }
  return names;
}
