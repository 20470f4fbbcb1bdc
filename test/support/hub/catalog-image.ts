import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { parseRepositoryName, parseTag } from '../../../src/oci/reference.ts';

/** An image by hand: `catalogImage('nginx', ['1.27', 'latest'], ['linux/amd64', 'linux/arm64/v8'])`. */
export function catalogImage(
  name: string,
  tags: readonly string[] = ['latest'],
  platforms: readonly string[] = ['linux/amd64'],
): CatalogImage {
  return {
    repository: parseRepositoryName(name.includes('/') ? name : `library/${name}`),
    name,
    tags: tags.map(parseTag),
    platforms: platforms.map(parsePlatform),
  };
}
