// Where copies go: a registry, the store or a layout at once; an archive or the docker daemon by way of a layout.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { LayoutRepository } from '../archive/layout-repository.ts';
import { type ArchivedImage, writeDockerArchive } from '../archive/write-docker-archive.ts';
import type { Awaitable } from '../async/awaitable.ts';
import { type CopyDestination, type NameTemplate, takesManyNames } from '../config/copy-destination.ts';
import type { Naming, NewName } from '../copy/pair-images.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import { formatFamiliar, parseReference, parseRepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { expandTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { CopySourcesOptions, SourceImage } from './copy-sources.ts';
import { DockerDaemon } from './docker-daemon.ts';
import { type ImagePlace, LAYOUT_NAME, type PlaceRepository, layoutPlace, suffixOf } from './image-places.ts';

export interface OpenDestination {
  /** Of the place: what is known of one is known of all that have it. */
  readonly address: string;
  /** As it was written, where it is a registry. */
  readonly registry?: string | undefined;
  readonly naming: Naming<SourceImage>;
  /** Archives hold one platform of each image: the image itself is copied then, without its index. */
  readonly onlyPlatform?: Platform | undefined;
  readonly keepsSparseIndexes?: boolean | undefined;
  describe(name: NewName, digest?: Digest): string;
  repositoryFor(image: SourceImage, name: NewName): Awaitable<PlaceRepository>;
  /** Brings what was copied to where it is meant to be, where it is not there yet. */
  deliver?(images: readonly ArchivedImage[], call: Call): Promise<void>;
}

export interface CopyDestinationsOptions extends CopySourcesOptions {
  /** What archives hold. */
  readonly onlyPlatform: () => Platform;
}

/** Throws UsageError for an archive that exists already. */
export async function openDestination(
  destination: CopyDestination,
  options: CopyDestinationsOptions,
): Promise<OpenDestination> {
  const { places, resolvePath, session } = options;
  switch (destination.kind) {
    case 'registry': {
      const { repository = '{repository}', tag } = destination.name;
      const { registry } = destination;
      return { ...repositoriesAt(places.registry(registry), { repository, tag }, (place) => place), registry };
    }
    case 'store': {
      const { defaultUpstream } = session.config;
      const { repository = (image: SourceImage) => storedAs(image, defaultUpstream), tag } = destination.name;
      const placeFor = (_: ImagePlace, image: SourceImage, name: NewName) =>
        places.store(originOf(image, name, defaultUpstream));
      return repositoriesAt(await places.store(), { repository, tag }, placeFor);
    }
    case 'oci': {
      const text = `oci:${destination.folder}`;
      // Made when the first image goes there: nothing is left of a copy that is refused.
      let layout: Promise<ImagePlace> | undefined;
      return {
        address: `oci:${resolvePath(destination.folder)}`,
        naming: { place: text, tag: destination.tag },
        describe: ({ tag }, digest) => text + suffixOf({ tag, digest }),
        async repositoryFor() {
          layout ??= places.layout(destination.folder, { mayCreate: true });
          return (await layout).repository(LAYOUT_NAME);
        },
      };
    }
    case 'docker-archive': {
      const file = resolvePath(destination.file);
      refuseExisting(file);
      const deliver = (archive: ReadableStream<Uint8Array>) => writeArchive(file, archive);
      return await throughLayout(`docker-archive:${destination.file}`, destination.name, { ...options, deliver });
    }
    case 'docker-daemon': {
      const deliver = async (archive: ReadableStream<Uint8Array>, call: Call) => {
        await using daemon = DockerDaemon.connect({ env: options.env });
        await daemon.load(archive, call);
      };
      return await throughLayout('docker-daemon:', destination.name, { ...options, deliver });
    }
  }
}

/** Several sources need names that tell them apart. */
export function refuseOneNameForMany(destination: CopyDestination, text: string, sources: number): void {
  if (sources < 2 || destination.kind === 'oci') return;
  if (takesManyNames(destination.name)) return;
  throw new UsageError(
    `${sources} sources, but "${text}" is one name; end it with "/" to keep the names of the sources`,
  );
}

function repositoriesAt(
  place: ImagePlace,
  names: Pick<Naming<SourceImage>, 'repository' | 'tag'>,
  placeFor: (place: ImagePlace, image: SourceImage, name: NewName) => Awaitable<ImagePlace>,
): OpenDestination {
  return {
    address: place.address,
    keepsSparseIndexes: place.keepsSparseIndexes,
    naming: { place: place.prefix, ...names },
    describe: ({ repository = '', tag }, digest) => place.describe(repository) + suffixOf({ tag, digest }),
    async repositoryFor(image, name) {
      const at = await placeFor(place, image, name);
      return at.repository(parseRepositoryName(name.repository ?? ''));
    },
  };
}

// As a sync names them: those of the default upstream are the store's own, others are told apart by their upstream.
function storedAs({ place }: SourceImage, defaultUpstream: string | undefined): string {
  const isOwn = place.upstream === undefined || place.upstream.name === defaultUpstream;
  return isOwn ? '{repository}' : '{upstream}/{repository}';
}

// Of what goes by another name nobody could tell where to fetch it again.
function originOf(image: SourceImage, { repository }: NewName, defaultUpstream: string | undefined) {
  const { place, values } = image;
  if (values === undefined) return undefined;
  const isCalledSo = repository === expandTemplate(storedAs(image, defaultUpstream), values);
  return isCalledSo ? place.upstream?.name : undefined;
}

interface Delivery extends CopyDestinationsOptions {
  readonly deliver: (archive: ReadableStream<Uint8Array>, call: Call) => Promise<void>;
}

async function throughLayout(text: string, name: NameTemplate, options: Delivery): Promise<OpenDestination> {
  const { session, scratch, onlyPlatform, deliver } = options;
  const folder = path.join(await scratch(), 'layout');
  const { clock } = session.network;
  const layout = await LayoutRepository.openOrCreate(folder, { now: () => clock.now() });
  const place = layoutPlace(layout, text, folder);
  return {
    address: `${text} ${folder}`,
    naming: { place: '', repository: name.repository ?? '{name}', tag: name.tag, parse: familiar },
    onlyPlatform: onlyPlatform(),
    describe: (name) => (text.endsWith(':') ? text : `${text}:`) + referenceOf(name),
    repositoryFor: () => place.repository(LAYOUT_NAME),
    deliver: async (images, call) => await deliver(writeDockerArchive(layout, images), call),
  };
}

/** `nginx:1.27`: what an image is called in an archive. */
export function referenceOf({ repository = '', tag }: NewName): string {
  return repository + (tag === undefined ? '' : `:${tag}`);
}

/** Archives and daemons know references, with or without a registry. */
function familiar(text: string): string {
  const { domain, repository } = parseReference(text);
  return formatFamiliar({ domain, repository });
}

function refuseExisting(file: string): void {
  if (existsSync(file)) throw new UsageError(`${file} exists already; remove it, or write to another file`);
}

// Under a name of its own until it is whole; a file that came meanwhile is not replaced.
async function writeArchive(file: string, archive: ReadableStream<Uint8Array>): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    {
      await using handle = await open(temporary, 'wx');
      await handle.writeFile(archive);
      await handle.sync();
    }
    await link(temporary, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'EEXIST') refuseExisting(file);
    throw new UsageError(`the archive ${file} cannot be written: ${error.message}`, { cause: error });
  } finally {
    await rm(temporary, { force: true });
  }
}
