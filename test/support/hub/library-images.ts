import { tmpdir } from 'node:os';
import { parseLibraryFile } from '../../../src/catalog/official-images/library-file.ts';
import { officialImages } from '../../../src/catalog/official-images/official-images-catalog.ts';
import { openLibrary } from '../../../src/catalog/official-images/open-library.ts';
import { tagMeanings } from '../../../src/catalog/official-images/tag-meanings.ts';
import { UsageError } from '../../../src/oci/usage-error.ts';
import type { HubImage } from './hub-image.ts';

/**
 * The images of a folder that holds `library/`; with `names`, of these alone: `['alpine', 'nginx']`.
 * Throws UsageError when a file of it is broken or a name is not there.
 */
export async function libraryImages(folder: string, names?: readonly string[]): Promise<HubImage[]> {
  // A folder is read where it is, so nothing is ever kept in the cache.
  const location = { repository: folder, cacheDirectory: tmpdir(), now: () => new Date() };
  const { images, problems } = await officialImages(location).list();
  const [problem] = problems;
  if (problem !== undefined) throw new UsageError(`${problem.file} cannot be read: ${problem.message}`);
  const missing = names?.find((name) => images.every((image) => image.name !== name));
  if (missing !== undefined) throw new UsageError(`the library at ${folder} has no image named "${missing}"`);
  const { files } = await (await openLibrary(location)).read();
  const meanings = new Map(files.map(({ name, text }) => [name, tagMeanings(parseLibraryFile(text, name))]));
  return images
    .filter(({ name }) => names === undefined || names.includes(name))
    .map((image) => ({ ...image, buildKey: keyOf(meanings.get(image.name), image) }));
}

// All tags of an image mean the same.
function keyOf(meanings: ReturnType<typeof tagMeanings> | undefined, { tags }: HubImage): string {
  return tags
    .slice(0, 1)
    .flatMap((tag) => [...(meanings?.get(tag) ?? [])].sort())
    .join('\n');
}
