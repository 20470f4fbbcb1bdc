import type { Digest } from '../oci/digest.ts';
import { type RepositoryName, familiarName } from '../oci/reference.ts';
import type { CatalogImage } from './catalog.ts';
import type { ListedTag } from './tag-list.ts';

/** The images of one repository: tags of one digest are one image, and a tag without a digest is one by itself. */
export function imagesOfTags(repository: RepositoryName, upstream: string, tags: readonly ListedTag[]): CatalogImage[] {
  const name = familiarName(upstream, repository);
  const groups = new Map<Digest | ListedTag, ListedTag[]>();
  for (const listed of tags) {
    const key = listed.digest ?? listed;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [listed]);
    else group.push(listed);
  }
  return [...groups.values()].map((group) => ({
    repository,
    name,
    tags: group.map(({ tag }) => tag),
    platforms: group.find(({ platforms }) => platforms.length > 0)?.platforms ?? [],
    updatedAtMs: latestOf(group),
  }));
}

/** Unknown where it is of one of them: it may be the latest. */
function latestOf(tags: readonly ListedTag[]): number | undefined {
  const times = tags.map(({ updatedAtMs }) => updatedAtMs);
  return times.every((time) => time !== undefined) ? times.reduce((one, other) => Math.max(one, other)) : undefined;
}
