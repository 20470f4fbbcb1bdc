// One image to one destination, by all of its names there.
import { CopyError } from '../copy/copy-error.ts';
import { type GraphCopy, copyGraph } from '../copy/copy-graph.ts';
import { type ReferrerSource, type ReferrersCopy, copyReferrers } from '../copy/copy-referrers.ts';
import { onlyImage } from '../copy/only-image.ts';
import { Placements, type TargetRepository } from '../copy/placements.ts';
import type { Digest } from '../oci/digest.ts';
import { isNotFound } from '../oci/errors.ts';
import type { Platform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import type { OpenDestination } from './copy-destinations.ts';
import type { CopyOutcome, PairedImage } from './copy-outcome.ts';
import { DestinationRepositories, type SeenRepository } from './destination-repositories.ts';

export interface ImageCopierOptions extends Call {
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  readonly onBytes: (count: number) => void;
}

/** Where an image is now. */
export interface PlacedImage {
  readonly source: Source;
  readonly digest: Digest;
  /** The same repository, as others of its place mount from it. */
  readonly at: { readonly address: string; readonly repository: TargetRepository };
  /** Of the source that it first came from; absent where what refers to it stays behind. */
  readonly referrers?: ReferrerSource | undefined;
  /** Made by an earlier copy, which chose the platforms already. */
  readonly isCopy: boolean;
}

/** Copies the images of one run: what they share at a place is sent there once. */
export class ImageCopier {
  readonly #options: ImageCopierOptions;
  readonly #repositories: DestinationRepositories;
  /** By address. */
  readonly #placements = new Map<string, Placements>();

  constructor(options: ImageCopierOptions) {
    this.#options = options;
    this.#repositories = new DestinationRepositories(options);
  }

  /** The pairs are names of that one image in one repository of the destination. Throws CopyError. */
  async copy(
    image: PlacedImage,
    destination: OpenDestination,
    pairs: readonly [PairedImage, ...PairedImage[]],
  ): Promise<{ readonly placed: PlacedImage; readonly outcomes: readonly CopyOutcome[] }> {
    const { signal, platforms } = this.#options;
    const { onlyPlatform, address } = destination;
    const to = await this.#repositories.look(destination, pairs[0].image, pairs[0].name);
    const isWhole = onlyPlatform === undefined;
    const root = isWhole ? image.digest : await onlyImage(image.source, image.digest, onlyPlatform, { signal });
    const tags = isWhole ? pairs.flatMap(({ name }) => name.tag ?? []) : [];
    const wasThere = isWhole && tags.length === 0 && (await has(to, root, { signal }));
    let bytes = 0;
    const copy: GraphCopy = {
      from: image.source,
      to: to.repository,
      placements: this.#placementsAt(address),
      sibling: image.at.address === address ? image.at.repository : undefined,
      platforms: isWhole && !image.isCopy ? platforms : [],
      present: await this.#repositories.digestsOf(to, tags),
      signal,
      onBytes: (count) => {
        bytes += count;
        this.#options.onBytes(count);
      },
    };
    const copied = await copyGraph(root, tags, copy);
    const { digest } = copied;
    const referrers = isWhole ? await this.#copyReferrers(image, digest, { ...copy, lists: to.referrers }) : 0;
    const moved = new Set<Tag>(copied.movedTags);
    const outcomes = pairs.map(({ image: { text }, name }, index): CopyOutcome => {
      const isUpToDate = tags.length === 0 ? wasThere : name.tag !== undefined && !moved.has(name.tag);
      const outcome = isUpToDate ? 'upToDate' : 'copied';
      return {
        source: text,
        destination: destination.describe(name, digest),
        digest,
        outcome,
        bytes: index > 0 ? 0 : bytes,
        ...(referrers > 0 && { referrers }),
      };
    });
    const at = { address, repository: { ...to.repository, isNew: false } };
    const placed = { source: to.repository.target, digest, at, referrers: image.referrers, isCopy: true };
    return { placed, outcomes };
  }

  // The image is there by now, and is there next time.
  async #copyReferrers({ referrers }: PlacedImage, digest: Digest, copy: Omit<ReferrersCopy, 'at'>): Promise<number> {
    if (referrers === undefined) return 0;
    try {
      return await copyReferrers(digest, { ...copy, at: referrers });
    } catch (error) {
      copy.signal?.throwIfAborted();
      if (!(error instanceof CopyError)) throw error;
      throw new NotFollowed(error);
    }
  }

  #placementsAt(address: string): Placements {
    const placements = this.#placements.get(address) ?? new Placements();
    this.#placements.set(address, placements);
    return placements;
  }
}

/** The image was copied, and what refers to it was not. */
class NotFollowed extends Error {
  readonly code: string;

  constructor(cause: CopyError) {
    super(`the image was copied, but not what refers to it: ${cause.message}; --no-referrers leaves it out`, { cause });
    this.code = cause.code;
  }
}

async function has({ repository, isNew }: SeenRepository, digest: Digest, call: Call): Promise<boolean> {
  if (isNew) return false;
  try {
    await repository.target.resolve(digest, call);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw new CopyError('target', error);
  }
}
