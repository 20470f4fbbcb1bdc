// A Windows image whose tags name no version of Windows is a shared tag, `1.2` over `1.2-bookworm` and
// `1.2-windowsservercore-ltsc2022`: an index of the images of others.
import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import { formatPlatform, type Platform } from '../../../src/oci/platform.ts';
import { windowsVersion } from './windows-version.ts';

/** For each platform of the image the one among all images of the repository whose content it is: its own, or another's. */
export function ownersOf<T extends CatalogImage>(image: T, all: readonly T[]): T[] {
  if (!isShared(image)) return image.platforms.map(() => image);
  return image.platforms.map((platform) => all.find((other) => isOwner(other, image, platform)) ?? image);
}

function isOwner(other: CatalogImage, image: CatalogImage, platform: Platform): boolean {
  return (
    !isShared(other) &&
    other.platforms.some((own) => formatPlatform(own) === formatPlatform(platform)) &&
    other.tags.some((tag) => image.tags.some((shared) => tag.startsWith(`${shared}-`)))
  );
}

function isShared({ platforms, tags }: CatalogImage): boolean {
  return platforms.some(({ os }) => os === 'windows') && windowsVersion(tags) === undefined;
}
