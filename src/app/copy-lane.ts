// One destination of a copy, with what it has to do: each goes at its own pace.
import type { ArchivedImage } from '../archive/write-docker-archive.ts';
import { type Slot, Semaphore } from '../async/semaphore.ts';
import type { NewName } from '../copy/pair-images.ts';
import type { Digest } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import { type OpenDestination, referenceOf } from './copy-destinations.ts';
import { type CopyOutcome, type PairedImage, uncopied, whyUncopied } from './copy-outcome.ts';
import type { SourceImage } from './copy-sources.ts';
import type { ImageCopier, PlacedImage } from './image-copier.ts';

/** An image by all of its names at the source. */
export interface SameImages {
  readonly digest: Digest;
  readonly images: readonly [SourceImage, ...SourceImage[]];
}

interface CopyLaneOptions extends Call {
  readonly destination: OpenDestination;
  readonly names: ReadonlyMap<SourceImage, NewName>;
  readonly copier: ImageCopier;
}

interface LaneCopy {
  readonly outcomes: readonly CopyOutcome[];
  readonly placed?: PlacedImage | undefined;
}

/** What waits for its archive to be written. */
interface Undelivered {
  readonly image: ArchivedImage;
  readonly outcomes: readonly CopyOutcome[];
}

const IMAGES_AT_ONCE = 4;
/** For each lane so many images are on their way at most: those that it copies, and a few that wait for it. */
export const IMAGES_A_LANE = 6;

export class CopyLane {
  /** Put off: to be copied when all else has been, perhaps from where another lane brought them. */
  readonly left: SameImages[] = [];
  readonly #options: CopyLaneOptions;
  readonly #slots = new Semaphore(IMAGES_AT_ONCE);
  readonly #waiting = new Set<AbortController>();
  readonly #undelivered: Undelivered[] = [];
  #inHand = 0;

  constructor(options: CopyLaneOptions) {
    this.#options = options;
  }

  /** Whether it could do more than it is given. */
  get isIdle(): boolean {
    return this.#inHand < IMAGES_AT_ONCE;
  }

  /** Lets go of the images that it has not begun with: others have nothing to do until they are out of the way. */
  putOff(): void {
    for (const waiting of this.#waiting) waiting.abort();
  }

  /**
   * What is said of the images now, and where the image is at this destination, if it is there whole. `undefined`: it was
   * put off.
   */
  async copy(from: PlacedImage, same: SameImages): Promise<LaneCopy | undefined> {
    const { images } = same;
    const { destination, names, copier, signal } = this.#options;
    using slot = await this.#takeSlot();
    if (slot === undefined) {
      this.left.push(same);
      return undefined;
    }
    const outcomes: CopyOutcome[] = [];
    let placed: PlacedImage | undefined;
    const pairs = images.map((image) => ({ image, name: names.get(image) ?? {} }));
    for (const [one, ...others] of Map.groupBy(pairs, ({ name }) => name.repository).values()) {
      if (one === undefined) continue;
      try {
        const copied = await copier.copy(from, destination, [one, ...others]);
        if (destination.deliver === undefined) outcomes.push(...copied.outcomes);
        else this.#keepForDelivery(copied.placed.digest, [one, ...others], copied.outcomes);
        if (destination.onlyPlatform === undefined) placed = copied.placed;
      } catch (error) {
        signal?.throwIfAborted();
        outcomes.push(...[one, ...others].map((pair) => uncopied(destination, pair, error)));
      }
    }
    return { outcomes, placed };
  }

  uncopied(images: readonly SourceImage[], error: unknown): readonly CopyOutcome[] {
    const { destination, names } = this.#options;
    return images.map((image) => uncopied(destination, { image, name: names.get(image) ?? {} }, error));
  }

  /** Writes what goes there all at once, and says what became of it. */
  async deliver(): Promise<readonly CopyOutcome[]> {
    const { destination, signal } = this.#options;
    if (this.#undelivered.length === 0) return [];
    const outcomes = this.#undelivered.flatMap((each) => each.outcomes);
    try {
      await destination.deliver?.(
        this.#undelivered.map(({ image }) => image),
        { signal },
      );
      return outcomes;
    } catch (error) {
      signal?.throwIfAborted();
      return outcomes.map((outcome) => ({ ...outcome, digest: undefined, ...whyUncopied(error) }));
    }
  }

  async #takeSlot(): Promise<Slot | undefined> {
    const { signal } = this.#options;
    const waiting = new AbortController();
    const leave = () => void (this.#inHand -= 1);
    this.#inHand += 1;
    this.#waiting.add(waiting);
    try {
      const slot = await this.#slots.acquire(
        AbortSignal.any([waiting.signal, ...(signal === undefined ? [] : [signal])]),
      );
      const release = () => {
        leave();
        slot.release();
      };
      return { release, [Symbol.dispose]: release };
    } catch (error) {
      leave();
      signal?.throwIfAborted();
      if (!waiting.signal.aborted) throw error;
      return undefined;
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  #keepForDelivery(digest: Digest, pairs: readonly PairedImage[], outcomes: readonly CopyOutcome[]): void {
    // By digest alone an image has no name in an archive.
    const references = pairs.flatMap(({ name }) => (name.tag === undefined ? [] : referenceOf(name)));
    this.#undelivered.push({ image: { digest, references }, outcomes });
  }
}
