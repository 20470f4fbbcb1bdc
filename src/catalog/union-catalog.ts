import type { Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Catalog, CatalogImage, CatalogListing, CatalogProblem } from './catalog.ts';

/**
 * What any of the catalogs wants, each tag once, as the first that has it says. One that cannot be read is a problem
 * where another can. All are of one upstream, and a union has no history.
 */
export function unionCatalog(catalogs: readonly [Catalog, ...Catalog[]]): Catalog {
  const [first, ...others] = catalogs;
  if (others.length === 0) return first;
  return {
    description: catalogs.map(({ description }) => description).join(', '),
    async list(call: Call = {}): Promise<CatalogListing> {
      const answers = await Promise.all(catalogs.map((catalog) => listOrRefuse(catalog, call)));
      const read = answers.flatMap(({ listing }) => listing ?? []);
      const refusals = answers.flatMap(({ refusal }) => refusal ?? []);
      if (read.length === 0 && refusals[0] !== undefined) throw refusals[0];
      const unread = answers.flatMap(({ refusal, description }): CatalogProblem[] =>
        refusal === undefined ? [] : [{ file: description, message: refusal.message }],
      );
      return {
        images: withoutRepeats(read.flatMap(({ images }) => images)),
        problems: [...read.flatMap(({ problems }) => problems), ...unread],
        notices: read.flatMap(({ notices }) => notices),
      };
    },
  };
}

/** Each tag in the first image that has it: a tag occurs in one image of a repository only. */
export function withoutRepeats(images: readonly CatalogImage[]): CatalogImage[] {
  const seen = new Map<string, Set<Tag>>();
  return images.flatMap((image) => {
    const known = seen.get(image.repository) ?? new Set();
    seen.set(image.repository, known);
    const tags = image.tags.filter((tag) => !known.has(tag));
    for (const tag of tags) known.add(tag);
    if (tags.length === image.tags.length) return [image];
    return tags.length === 0 ? [] : [{ ...image, tags }];
  });
}

interface Answer {
  readonly description: string;
  readonly listing?: CatalogListing;
  readonly refusal?: UsageError;
}

async function listOrRefuse(catalog: Catalog, call: Call): Promise<Answer> {
  const { description } = catalog;
  try {
    return { description, listing: await catalog.list(call) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { description, refusal: error };
  }
}
