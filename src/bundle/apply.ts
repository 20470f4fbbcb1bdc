// A bundle into a registry or store: a copy like any other, from a source that may leave out what the target has.
import { forEach } from '../async/for-each.ts';
import { StorageError } from '../content/storage-error.ts';
import { CopyError } from '../copy/copy-error.ts';
import { copyGraph } from '../copy/copy-graph.ts';
import { Placements, type TargetRepository } from '../copy/placements.ts';
import { presentTags } from '../copy/present-tags.ts';
import type { Digest } from '../oci/digest.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, ListsTags, Target } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Bundle, BundledImage } from './bundle.ts';
import { TargetContents } from './target-contents.ts';

export interface ApplyOptions extends Call {
  /** Whether it hashes what it is given before it is acknowledged. */
  readonly isHashedByTarget: boolean;
  readonly onStarted: (image: BundledImage) => void;
  readonly onApplied: (image: BundledImage, outcome: 'copied' | 'upToDate', bytes: number) => void;
  readonly onFailed: (image: BundledImage, error: unknown) => void;
  readonly onBytes: (count: number) => void;
}

export interface ApplyTarget {
  /** As people write it. */
  readonly label: string;
  /** By what an upstream calls it, `docker.io/library/nginx`: one object for each. */
  repository(reference: string): PlacedRepository;
}

export interface PlacedRepository extends Omit<TargetRepository, 'target' | 'isNew'> {
  readonly target: Target & ListsTags;
}

/** An image of the bundle, and its place. */
export interface PlacedBundledImage {
  readonly image: BundledImage;
  readonly to: PlacedRepository;
  readonly tag?: Tag | undefined;
}

const REPOSITORIES_AT_ONCE = 4;
const IMAGES_AT_ONCE = 4;

/**
 * Copies all images, tags last; what the target has is not sent again, so what was stopped is simply started again.
 * Throws UsageError, and changes nothing, when the target lacks what the bundle leaves out, and whenever its disk takes
 * no more; what is there by then is whole.
 */
export async function applyBundle(
  bundle: Bundle,
  images: readonly PlacedBundledImage[],
  target: ApplyTarget,
  options: ApplyOptions,
): Promise<void> {
  const placements = new Placements();
  const contents = new TargetContents(bundle, target, placements, options);
  await contents.check(images);
  await forEach(Map.groupBy(images, ({ to }) => to.name).values(), REPOSITORIES_AT_ONCE, async (ofOne) => {
    const seen = await lookAt(ofOne, bundle, options).catch((error: unknown) => {
      options.signal?.throwIfAborted();
      for (const { image } of ofOne) options.onFailed(image, new CopyError('target', error));
    });
    if (seen === undefined) return;
    const byDigest = Map.groupBy(ofOne, ({ image }) => image.digest);
    await forEach(byDigest, IMAGES_AT_ONCE, async ([digest, named]) => {
      await applyImage(digest, named, { ...seen, bundle, placements, options });
    });
  });
}

/** What of its images a repository has. */
async function lookAt(
  images: readonly PlacedBundledImage[],
  bundle: Bundle,
  { signal }: Call,
): Promise<Pick<Applying, 'to' | 'present'> | undefined> {
  const [first] = images;
  if (first === undefined) return undefined;
  const { target } = first.to;
  const listed = await target.listTags({ signal });
  // Where something is left out, what is there has been asked for already, tags or no tags.
  const isNew = listed === undefined && (bundle.lock?.absent.length ?? 0) === 0;
  const tags = images.flatMap(({ tag }) => (tag !== undefined && listed?.has(tag) === true ? [tag] : []));
  return { to: { ...first.to, isNew }, present: await presentTags(target, tags, { platforms: [], signal }) };
}

interface Applying {
  readonly bundle: Bundle;
  readonly to: TargetRepository;
  readonly present: ReadonlyMap<Tag, Digest>;
  readonly placements: Placements;
  readonly options: ApplyOptions;
}

async function applyImage(
  digest: Digest,
  named: readonly PlacedBundledImage[],
  { bundle, to, present, placements, options }: Applying,
): Promise<void> {
  const { signal, isHashedByTarget } = options;
  signal?.throwIfAborted();
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    options.onBytes(count);
  };
  for (const { image } of named) options.onStarted(image);
  try {
    const tags = named.flatMap(({ tag }) => tag ?? []);
    const from = bundle.source({ isHashedByTarget });
    const { movedTags } = await copyGraph(digest, tags, { from, to, placements, present, signal, onBytes });
    const moved = new Set(movedTags);
    for (const { image, tag } of named) {
      const isMoved = tag === undefined ? bytes > 0 : moved.has(tag);
      options.onApplied(image, isMoved ? 'copied' : 'upToDate', isMoved ? bytes : 0);
      if (isMoved) bytes = 0;
    }
  } catch (error) {
    signal?.throwIfAborted();
    rethrowStorage(error);
    for (const { image } of named) options.onFailed(image, error);
  }
}

/** A disk that is full is full for all that would follow. */
function rethrowStorage(error: unknown): void {
  const cause = error instanceof CopyError ? error.cause : error;
  if (cause instanceof StorageError) throw new UsageError(`${cause.message}; what is there is whole`, { cause });
}
