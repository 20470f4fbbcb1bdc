import { parseRepositoryName, type Tag } from '../../oci/reference.ts';
import type { CatalogImage } from '../catalog.ts';
import { platformsOf } from './architectures.ts';
import type { LibraryEntry } from './library-entry.ts';

/**
 * The images of one library file. The Tags of an entry name an image of their own; SharedTags name an image that joins
 * all entries that carry them. What would join a single entry is that entry's own image, so such tags go there.
 * Throws NAME_INVALID when `library/NAME` is no repository.
 */
export function imagesOf(name: string, entries: readonly LibraryEntry[]): CatalogImage[] {
  const repository = parseRepositoryName(`library/${name}`);
  const image = (tags: readonly Tag[], members: readonly LibraryEntry[]): CatalogImage => {
    return { repository, name, tags, platforms: platformsOf(members.flatMap((entry) => entry.architectures)) };
  };
  const groups = sharedTagGroups(entries);
  const lone = new Map(groups.filter(isLone).map(({ tags, members }) => [members[0], tags]));
  return [
    ...entries.map((entry) => image([...entry.tags, ...(lone.get(entry) ?? [])], [entry])),
    ...groups.filter((group) => !isLone(group)).map(({ tags, members }) => image(tags, members)),
  ];
}

/** Tags that are carried by exactly the same entries. */
interface SharedTagGroup {
  readonly tags: readonly Tag[];
  readonly members: readonly LibraryEntry[];
}

function sharedTagGroups(entries: readonly LibraryEntry[]): SharedTagGroup[] {
  const uses = entries.flatMap((entry) => entry.sharedTags.map((tag) => ({ tag, entry })));
  const byTag = Array.from(
    Map.groupBy(uses, ({ tag }) => tag),
    ([tag, found]) => {
      return { tag, members: found.map(({ entry }) => entry) };
    },
  );
  const byMembers = Map.groupBy(byTag, ({ members }) => members.map(({ line }) => line).join());
  return Array.from(byMembers.values(), (group) => ({
    tags: group.map(({ tag }) => tag),
    members: group[0]?.members ?? [],
  }));
}

function isLone({ members }: SharedTagGroup): boolean {
  return members.length === 1;
}
