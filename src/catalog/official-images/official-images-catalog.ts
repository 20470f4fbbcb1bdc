import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { Catalog, CatalogChanges, CatalogImage, CatalogListing, CatalogProblem } from '../catalog.ts';
import { changedImages } from './changed-images.ts';
import { commitSince } from './commit-since.ts';
import { withoutCredentials } from './git.ts';
import { imagesOf } from './images.ts';
import { LibraryFileError } from './library-file-error.ts';
import { parseLibraryFile } from './library-file.ts';
import type { Library, LibrarySnapshot } from './library.ts';
import { openLibrary } from './open-library.ts';
import { readLibraryAt } from './read-library-at.ts';
import { isSystemError } from './system-error.ts';

export const OFFICIAL_IMAGES_REPOSITORY = 'https://github.com/docker-library/official-images.git';
const OFFICIAL_BRANCH = 'master';

export interface OfficialImagesOptions {
  /** A git URL, a bundle, a git repository on this machine, or a folder that holds `library/`. */
  readonly repository?: string | undefined;
  /** Default: a folder as it is on disk, the official repository's `master`, any other repository's HEAD. */
  readonly revision?: string | undefined;
  /** Where copies of remote repositories are kept from one listing to the next. */
  readonly cacheDirectory: string;
  readonly now: () => Date;
}

/** The catalog of a library in the format of docker-library/official-images. */
export function officialImages(options: OfficialImagesOptions): Catalog {
  const { repository = OFFICIAL_IMAGES_REPOSITORY, cacheDirectory, now } = options;
  const revision = options.revision ?? (repository === OFFICIAL_IMAGES_REPOSITORY ? OFFICIAL_BRANCH : undefined);
  const description = `official-images at ${withoutCredentials(repository)}`;
  const withLibrary = async <T>(use: (library: Library) => Promise<T>): Promise<T> => {
    try {
      return await use(await openLibrary({ repository, revision, cacheDirectory, now }));
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      throw new UsageError(`${description} cannot be read (${cause.message})`, { cause });
    }
  };
  return {
    description,
    async list(call: Call = {}): Promise<CatalogListing> {
      return withLibrary(async (library) => listingOf(await library.read(call)));
    },
    async changesSince(listing: CatalogListing, since: string, call: Call = {}): Promise<CatalogChanges> {
      return withLibrary((library) => changesOf(library, listing, { since, now: now() }, call));
    },
  };
}

async function changesOf(
  library: Library,
  { images, revision }: CatalogListing,
  { since, now }: { since: string; now: Date },
  call: Call,
): Promise<CatalogChanges> {
  const repository = await library.history(call);
  const commit = await commitSince(repository, { since, listed: revision ?? 'HEAD', now }, call);
  if (commit === undefined) return { since: commit, images: new Set(images) };
  const before = await readLibraryAt(repository, commit, call);
  const after = revision === undefined ? await library.read(call) : await readLibraryAt(repository, revision, call);
  return { since: commit, images: changedImages(images, { before: before.files, after: after.files }) };
}

/** A file that bashbrew would not read is a problem, and the others are listed. */
function listingOf({ files, problems, revision, notices }: LibrarySnapshot): CatalogListing {
  const images: CatalogImage[] = [];
  const broken: CatalogProblem[] = [];
  for (const { name, text } of files) {
    try {
      images.push(...imagesOf(name, parseLibraryFile(text, `library/${name}`)));
    } catch (error) {
      if (!(error instanceof LibraryFileError)) throw error;
      broken.push({ file: error.file, line: error.line, message: error.message });
    }
  }
  return { images, problems: [...problems, ...broken], revision, notices };
}
