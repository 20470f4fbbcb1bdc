import type { RepositoryName, Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { forEach } from '../async/for-each.ts';
import type { Catalog, CatalogImage, CatalogListing, CatalogProblem } from './catalog.ts';
import type { ListTags } from './tag-list.ts';

export interface DatedCatalogOptions {
  readonly catalog: Catalog;
  /** Whoever knows when tags were moved. */
  readonly listTags: ListTags;
  /** Whether anybody wants to know it of this image; others stay without. */
  readonly isWanted: (image: CatalogImage) => boolean;
}

const REPOSITORIES_AT_ONCE = 8;

/** The same catalog with the times at which its tags were moved, where it does not know them itself. */
export function datedCatalog({ catalog, listTags, isWanted }: DatedCatalogOptions): Catalog {
  const datedFrom = new WeakMap<CatalogImage, CatalogImage>();
  return {
    description: catalog.description,
    async list(call: Call = {}): Promise<CatalogListing> {
      const listing = await catalog.list(call);
      const undated = listing.images.filter((image) => image.updatedAtMs === undefined && isWanted(image));
      const names = new Set(undated.map(({ repository }) => repository));
      const { times, problems } = await timesOf([...names], listTags, call);
      const images = listing.images.map((image) => {
        const dated = withTime(image, times.get(image.repository));
        datedFrom.set(dated, image);
        return dated;
      });
      return { ...listing, images, problems: [...listing.problems, ...problems] };
    },
    ...(catalog.changesSince !== undefined && {
      async changesSince(listing: CatalogListing, since: string, call?: Call) {
        const original = { ...listing, images: listing.images.map((image) => datedFrom.get(image) ?? image) };
        const changes = await catalog.changesSince?.(original, since, call);
        if (changes === undefined) throw new Error('a catalog has a history, or it has none');
        const { images } = changes;
        const isNews = (image: CatalogImage) => images.has(datedFrom.get(image) ?? image);
        return { since: changes.since, images: new Set(listing.images.filter(isNews)) };
      },
    }),
  };
}

type Times = ReadonlyMap<Tag, number>;

async function timesOf(names: readonly RepositoryName[], listTags: ListTags, call: Call) {
  const times = new Map<RepositoryName, Times>();
  const problems: CatalogProblem[] = [];
  await forEach(names, REPOSITORIES_AT_ONCE, async (name) => {
    try {
      const tags = (await listTags(name, call)) ?? [];
      const known = tags.flatMap(({ tag, updatedAtMs }) =>
        updatedAtMs === undefined ? [] : [[tag, updatedAtMs] as const],
      );
      times.set(name, new Map(known));
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
      problems.push({ file: name, message: `when its tags were moved is not known: ${error.message}` });
    }
  });
  return { times, problems };
}

/** Tags that are not there yet have no time, and say nothing of the others. */
function withTime(image: CatalogImage, times: Times | undefined): CatalogImage {
  if (image.updatedAtMs !== undefined || times === undefined) return image;
  const known = image.tags.flatMap((tag) => times.get(tag) ?? []);
  return known.length === 0 ? image : { ...image, updatedAtMs: known.reduce((one, other) => Math.max(one, other)) };
}
