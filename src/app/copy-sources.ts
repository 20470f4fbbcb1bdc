// From what a person wrote to the images that are meant: patterns are expanded by listing, archives are unpacked.
import path from 'node:path';
import { LayoutRepository } from '../archive/layout-repository.ts';
import { readDockerArchive } from '../archive/docker-archive.ts';
import { forEach } from '../async/for-each.ts';
import type { ImageChoice, ImageLocation } from '../config/image-location.ts';
import type { NamedImage } from '../copy/pair-images.ts';
import {
  type Reference,
  type RepositoryName,
  familiarName,
  formatFamiliar,
  parseReference,
  parseTag,
} from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { DockerDaemon } from './docker-daemon.ts';
import { type ImagePlace, type ImagePlaces, LAYOUT_NAME, layoutPlace, suffixOf } from './image-places.ts';
import type { Session } from './session.ts';

/** An image that is to be copied, and where it is. */
export interface SourceImage extends NamedImage {
  readonly place: ImagePlace;
  readonly repository: RepositoryName;
}

/** What the upstream that these images come from, the first if there are several, still gives: for whoever watches. */
export function pullsLeftOf(images: readonly SourceImage[]): () => number | undefined {
  const ledger = images.find(({ place }) => place.upstream !== undefined)?.place.upstream?.registry.ledger;
  return () => ledger?.budget?.remaining;
}

export interface CopySourcesOptions extends Call {
  readonly session: Session;
  readonly places: ImagePlaces;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly resolvePath: (relative: string) => string;
  /** Makes an empty folder that lasts as long as the copy. */
  readonly scratch: () => Promise<string>;
}

const LATEST = parseTag('latest');
const LISTS_AT_ONCE = 8;

/** The images of all locations, each once, in their order. Throws UsageError for a pattern that matches nothing. */
export async function findSources(
  locations: readonly ImageLocation[],
  options: CopySourcesOptions,
): Promise<SourceImage[]> {
  const found = new Map<string, SourceImage>();
  for (const location of locations) {
    for (const image of await imagesOf(location, options)) {
      found.set(`${image.place.address} ${image.text} ${image.tag ?? ''}`, image);
    }
  }
  return [...found.values()];
}

async function imagesOf(location: ImageLocation, options: CopySourcesOptions): Promise<readonly SourceImage[]> {
  switch (location.kind) {
    case 'registry':
    case 'store':
      return await chosenImages(await options.places.open(location), location.images, options);
    case 'oci':
      return await layoutImages(location, options);
    case 'docker-archive': {
      const { file, reference } = location;
      const text = `docker-archive:${file}`;
      return await archivedImages(options.resolvePath(file), text, reference, options);
    }
    case 'docker-daemon': {
      const name = formatFamiliar(withTag(location.reference));
      await using daemon = DockerDaemon.connect({ env: options.env });
      const archive = await daemon.save(name, options);
      return await archivedImages(archive, `docker-daemon:${name}`, location.reference, options);
    }
  }
}

async function chosenImages(place: ImagePlace, choice: ImageChoice, call: Call): Promise<SourceImage[]> {
  const { repository, tag, digest, pattern } = choice;
  if (pattern === undefined) {
    if (repository === undefined) return [];
    return [imageAt(place, repository, { tag: tag ?? (digest === undefined ? LATEST : undefined), digest })];
  }
  const names =
    repository === undefined
      ? (await place.listRepositories(call)).filter((name) => pattern.matchesName(name))
      : [repository];
  const byName = new Map<RepositoryName, SourceImage[]>(names.map((name) => [name, []]));
  await forEach(names, LISTS_AT_ONCE, async (name) => {
    const tags = await place.repository(name).target.listTags(call);
    const matching = [...(tags ?? [])].filter((each) => pattern.matchesTag(each));
    byName.set(
      name,
      matching.map((each) => imageAt(place, name, { tag: each })),
    );
  });
  const images = [...byName.values()].flat();
  if (images.length > 0) return images;
  throw new UsageError(`nothing at ${place.prefix} matches "${pattern.text}"; \`wharf list\` shows what is there`);
}

function imageAt(
  place: ImagePlace,
  repository: RepositoryName,
  which: Pick<NamedImage, 'tag' | 'digest'>,
): SourceImage {
  // When there is a digest, the tag is only a remark.
  const text = place.describe(repository) + suffixOf(which.digest === undefined ? which : { digest: which.digest });
  return { place, repository, text, values: place.values(repository), ...which };
}

async function layoutImages(
  { folder, tag }: ImageLocation & { kind: 'oci' },
  { places, session, resolvePath }: CopySourcesOptions,
): Promise<readonly SourceImage[]> {
  const place = await places.layout(folder);
  const { clock } = session.network;
  const layout = await LayoutRepository.open(resolvePath(folder), { now: () => clock.now() });
  const { descriptor } = await layout.resolve(tag);
  const entries = (await layout.images()).filter((entry) => entry.descriptor.digest === descriptor.digest);
  const entry = entries.find((one) => tag === undefined || one.tag === tag);
  const named = entry?.reference === undefined ? undefined : parseReference(entry.reference);
  const text = `${place.prefix}${tag === undefined ? '' : `:${tag}`}`;
  const image = imageAt(place, LAYOUT_NAME, { tag: tag ?? entry?.tag, digest: descriptor.digest });
  return [{ ...image, ...(named && nameFrom(named, session)), text }];
}

/** All images of the archive, or the one that the reference names. */
async function archivedImages(
  archive: string | ReadableStream<Uint8Array>,
  text: string,
  wanted: Reference | undefined,
  { session, scratch, signal }: CopySourcesOptions,
): Promise<readonly SourceImage[]> {
  const { clock } = session.network;
  const folder = path.join(await scratch(), 'archive');
  const layout = await readDockerArchive(archive, { scratch: folder, now: () => clock.now(), signal });
  const place = layoutPlace(layout, text, folder);
  const images = (await layout.images()).map(({ reference, descriptor: { digest } }) => {
    const named = reference === undefined ? undefined : parseReference(reference);
    return { ...imageAt(place, LAYOUT_NAME, { digest }), ...(named && nameFrom(named, session)), named };
  });
  if (wanted === undefined) return images;
  const name = formatFamiliar(withTag(wanted));
  const chosen = images.filter(({ named }) => named !== undefined && formatFamiliar(named) === name);
  if (chosen.length > 0) return chosen;
  const there = images.flatMap(({ named }) => (named === undefined ? [] : formatFamiliar(named)));
  throw new UsageError(
    `${text} has no image ${name}; it has ${there.length === 0 ? 'none with a name' : there.join(', ')}`,
  );
}

// By its digest, but under its name: several names of an archive may mean one image.
function nameFrom(reference: Reference, { config }: Session): Pick<SourceImage, 'text' | 'values' | 'tag'> {
  const { domain, repository, tag } = reference;
  const name = config.upstreams.has(domain) ? familiarName(domain, repository) : repository;
  return { text: formatFamiliar(reference), values: { repository, name, upstream: domain }, tag };
}

function withTag(reference: Reference): Reference {
  return reference.tag === undefined ? { ...reference, tag: LATEST } : reference;
}
