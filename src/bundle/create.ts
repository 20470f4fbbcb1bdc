// A bundle is a selection as an OCI layout, in a folder or as a tar of it: whatever reads a layout reads a bundle.
import { forEach } from '../async/for-each.ts';
import { Semaphore } from '../async/semaphore.ts';
import { writeTarFile } from '../archive/write-tar-file.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { OciLayout } from '../content/oci-layout.ts';
import { StorageError } from '../content/storage-error.ts';
import type { Platform } from '../oci/platform.ts';
import type { Call } from '../oci/repository.ts';
import { type GatheredImage, Gathering, type WantedImage } from './gathering.ts';
import type { LockFile } from './lock-file.ts';
import type { OtherSide } from './other-side.ts';
import { filesOf, planBundle } from './plan-bundle.ts';
import { writeFolder } from './write-folder.ts';

/** Where the bundle goes. What comes from afar is kept in a folder's own layout, and for a tar in `staging`. */
export type BundleOutput =
  | { readonly kind: 'tar'; readonly file: string; readonly staging: BlobStore }
  | { readonly kind: 'folder'; readonly folder: string; readonly layout: OciLayout };

export interface CreateOptions extends Call {
  readonly to: BundleOutput;
  /** Empty: all. Otherwise indexes are written anew, and name only these. */
  readonly platforms: readonly Platform[];
  /** For `docker load`: the image of this platform alone, without its index. */
  readonly onlyPlatform?: Platform | undefined;
  readonly otherSide: OtherSide;
  readonly tool: string;
  readonly onStarted: (image: WantedImage) => void;
  readonly onGathered: (image: WantedImage) => void;
  /** It is not in the bundle, and the rest is. */
  readonly onFailed: (image: WantedImage, error: unknown) => void;
  readonly onBytes: (count: number) => void;
}

export interface CreatedBundle {
  readonly lock: LockFile;
  /** Manifests and blobs that travel. */
  readonly contents: number;
}

const IMAGES_AT_ONCE = 8;

/**
 * Writes the bundle when all images are gathered that can be: a tar has its name only then. One bad image never stops
 * the rest; without any there is no bundle, and nothing is given. Throws UsageError when the disk takes no more.
 */
export async function createBundle(
  images: readonly WantedImage[],
  options: CreateOptions,
): Promise<CreatedBundle | undefined> {
  const { to, otherSide, tool, onlyPlatform, signal, onBytes } = options;
  const staging = to.kind === 'tar' ? to.staging : to.layout.blobs;
  const gathering = new Gathering({ ...options, staging });
  const gathered: GatheredImage[] = [];
  // Where pulls are counted, an image is whole before the next one spends any.
  const rationed = new Semaphore(1);
  await forEach(images, IMAGES_AT_ONCE, async (image) => {
    signal?.throwIfAborted();
    using _turn = (await image.isRationed?.()) === true ? await rationed.acquire(signal) : undefined;
    options.onStarted(image);
    try {
      gathered.push(await gathering.add(image));
      options.onGathered(image);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof StorageError) throw error;
      options.onFailed(image, error);
    }
  });
  if (gathered.length === 0) return undefined;
  const isForDocker = onlyPlatform !== undefined;
  const plan = planBundle(gathered, gathering, { tool, isForDocker, holdings: otherSide.holdings });
  if (to.kind === 'tar') await writeTarFile(to.file, filesOf(plan, gathering), { signal, onBytes });
  else await writeFolder(to.folder, to.layout, plan, gathering, { signal });
  return { lock: plan.lock, contents: plan.blobs.length };
}
