// What bundles and dumps are made of: images by name, and images of catalogs, as places have them.
import type { Catalog, CatalogListing, CatalogProblem } from '../catalog/catalog.ts';
import type { CatalogConfig } from '../config/config.ts';
import type { ImageLocation } from '../config/image-location.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type Selection, selectImages } from '../select/select-images.ts';
import { buildCatalog } from './build-job.ts';
import { type CopySourcesOptions, type SourceImage, findSources } from './copy-sources.ts';

export interface WantedImages {
  readonly locations: readonly ImageLocation[];
  readonly catalogs: readonly { readonly upstream: string; readonly catalog: CatalogConfig }[];
  /** Of the catalogs. */
  readonly selection: Selection;
  /** Only what the catalogs changed since then: a revision or a time. */
  readonly since?: string | undefined;
}

export interface FoundImages {
  /** Each tag by itself, each once. */
  readonly images: readonly SourceImage[];
  /** What of a catalog could not be read; the rest is there all the same. */
  readonly problems: readonly CatalogProblem[];
  readonly notices: readonly string[];
}

/** Asks no registry what a tag means. Throws UsageError for what cannot be read at all. */
export async function findImages(wanted: WantedImages, options: CopySourcesOptions): Promise<FoundImages> {
  const { session, places, signal } = options;
  const found = new Map<string, SourceImage>();
  const add = (image: SourceImage) => found.set(`${image.place.address} ${image.text} ${image.tag ?? ''}`, image);
  const problems: CatalogProblem[] = [];
  const notices: string[] = [];
  for (const image of await findSources(wanted.locations, options)) add(image);
  for (const { upstream, catalog } of wanted.catalogs) {
    const listing = await listSince(buildCatalog(catalog, upstream, session, wanted.selection), wanted.since, {
      signal,
    });
    problems.push(...listing.problems);
    notices.push(...listing.notices);
    const place = places.registry(session.config.upstreams.has(upstream) ? upstream : addressOf(catalog, upstream));
    for (const { repository, tags } of selectImages(listing.images, wanted.selection)) {
      const values = place.values(repository);
      for (const tag of tags) add({ place, repository, tag, values, text: `${place.describe(repository)}:${tag}` });
    }
  }
  return { images: [...found.values()], problems, notices };
}

async function listSince(catalog: Catalog, since: string | undefined, call: Call): Promise<CatalogListing> {
  const listing = await catalog.list(call);
  if (since === undefined) return listing;
  if (catalog.changesSince === undefined) {
    throw new UsageError(`${catalog.description} has no history, so nothing can be chosen by --since`);
  }
  const changes = await catalog.changesSince(listing, since, call);
  return { ...listing, images: listing.images.filter((image) => changes.images.has(image)) };
}

/** A registry that is listed need be no configured upstream; it is reached as it was written. */
function addressOf(catalog: CatalogConfig, upstream: string): string {
  const parts = catalog.kind === 'union' ? catalog.catalogs : [catalog];
  const urls = parts.flatMap((part) => (part.kind === 'registry' ? new URL(part.endpoint.url) : []));
  return urls.find(({ host }) => host === upstream)?.origin ?? upstream;
}
