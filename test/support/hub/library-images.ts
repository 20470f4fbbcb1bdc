import { tmpdir } from 'node:os';
import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import { officialImages } from '../../../src/catalog/official-images/official-images-catalog.ts';
import { UsageError } from '../../../src/oci/usage-error.ts';

/**
 * The images of a folder that holds `library/`; with `names`, of these alone: `['alpine', 'nginx']`.
 * Throws UsageError when a file of it is broken or a name is not there.
 */
export async function libraryImages(folder: string, names?: readonly string[]): Promise<CatalogImage[]> {
  // A folder is read where it is, so nothing is ever kept in the cache.
  const catalog = officialImages({ repository: folder, cacheDirectory: tmpdir(), now: () => new Date() });
  const { images, problems } = await catalog.list();
  const [problem] = problems;
  if (problem !== undefined) throw new UsageError(`${problem.file} cannot be read: ${problem.message}`);
  const missing = names?.find((name) => images.every((image) => image.name !== name));
  if (missing !== undefined) throw new UsageError(`the library at ${folder} has no image named "${missing}"`);
  return images.filter(({ name }) => names === undefined || names.includes(name));
}
