// Copies images to destinations: each is resolved without a pull, fetched once, and named by all its tags at last.
import { forEach } from '../async/for-each.ts';
import { Semaphore } from '../async/semaphore.ts';
import { type NewName, nameImages } from '../copy/pair-images.ts';
import { platformNotice } from '../copy/platform-subset.ts';
import { SharedDownloads } from '../copy/shared-downloads.ts';
import type { Digest } from '../oci/digest.ts';
import { type Platform, formatPlatform } from '../oci/platform.ts';
import type { Call } from '../oci/repository.ts';
import type { OnSyncEvent } from '../sync/events.ts';
import type { OpenDestination } from './copy-destinations.ts';
import { CopyLane, IMAGES_A_LANE, type SameImages } from './copy-lane.ts';
import type { CopyOutcome } from './copy-outcome.ts';
import { ReferrerSources, type WithReferrers } from './copy-referrer-sources.ts';
import { tryToPushEach } from './copy-rights.ts';
import type { SourceImage } from './copy-sources.ts';
import { ImageCopier, type PlacedImage } from './image-copier.ts';
import { resolveImages } from './resolve-images.ts';

export interface CopyImagesOptions extends Call {
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  /** Makes an empty folder that lasts as long as the copy: for what several destinations share. */
  readonly scratch: () => Promise<string>;
  readonly withReferrers?: WithReferrers;
  readonly onEvent: OnSyncEvent;
  readonly onOutcome: (outcome: CopyOutcome) => void;
}

export interface PairedDestination {
  readonly destination: OpenDestination;
  readonly names: ReadonlyMap<SourceImage, NewName>;
}

const REPOSITORIES_AT_ONCE = 8;

/** Throws UsageError for names that clash, before anything is copied. */
export function pairImages(
  images: readonly SourceImage[],
  destinations: readonly OpenDestination[],
): readonly PairedDestination[] {
  return destinations.map((destination) => ({ destination, names: nameImages(images, destination.naming) }));
}

/**
 * One bad image never stops the rest, and neither does one bad destination of several. Throws UsageError where none of
 * them takes a push.
 */
export async function copyImages(
  images: readonly SourceImage[],
  paired: readonly PairedDestination[],
  options: CopyImagesOptions,
): Promise<void> {
  const { open, refused } = await tryToPushEach(paired, options);
  for (const outcome of refused) options.onOutcome(outcome);
  await new Run(open, options).copy(images);
}

class Run {
  readonly #paired: readonly PairedDestination[];
  readonly #options: CopyImagesOptions;
  readonly #lanes: readonly CopyLane[];
  readonly #downloads: SharedDownloads | undefined;
  readonly #referrers: ReferrerSources;
  readonly #onTheirWay: Semaphore;
  /** Where lanes that are behind can have an image from, and how many of its destinations are still to come. */
  readonly #placed = new Map<SourceImage, PlacedImage>();
  readonly #reports = new Map<SourceImage, { readonly outcomes: CopyOutcome[]; lanesLeft: number }>();

  constructor(paired: readonly PairedDestination[], options: CopyImagesOptions) {
    const { platforms, signal, onEvent, scratch, withReferrers } = options;
    this.#referrers = new ReferrerSources(withReferrers);
    this.#paired = paired;
    this.#options = options;
    const copier = new ImageCopier({ platforms, signal, onBytes: (count) => onEvent({ type: 'bytes', count }) });
    this.#lanes = paired.map(({ destination, names }) => new CopyLane({ destination, names, copier, signal }));
    this.#onTheirWay = new Semaphore(IMAGES_A_LANE * paired.length);
    let folder: Promise<string> | undefined;
    if (paired.length > 1) this.#downloads = new SharedDownloads(() => (folder ??= scratch()));
  }

  async copy(images: readonly SourceImage[]): Promise<void> {
    const { onEvent, onOutcome, signal, platforms } = this.#options;
    const byRepository = Map.groupBy(images, ({ place, repository }) => `${place.address} ${repository}`);
    onEvent({ type: 'listed', repositories: byRepository.size, images: images.length, tags: images.length });
    for (const message of platformNotices(this.#paired, platforms)) onEvent({ type: 'notice', message });
    await forEach(byRepository.values(), REPOSITORIES_AT_ONCE, (ofOne) => this.#copyRepository(ofOne));
    await forEach(this.#lanes, this.#lanes.length, (lane) => this.#catchUp(lane));
    for (const lane of this.#lanes) {
      signal?.throwIfAborted();
      for (const outcome of await lane.deliver()) onOutcome(outcome);
    }
    signal?.throwIfAborted();
  }

  async #copyRepository(images: readonly SourceImage[]): Promise<void> {
    const { onEvent, signal } = this.#options;
    const meanings = await resolveImages(images, this.#options);
    const cost = { pulls: 0, bytes: 0, isKnown: false };
    onEvent({ type: 'planned', repository: images[0]?.text ?? '', toCopy: images.length, settled: 0, cost });
    const byDigest = new Map<Digest, SourceImage[]>();
    for (const [image, meaning] of meanings) {
      if (meaning instanceof Error) {
        for (const lane of this.#lanes) this.#report([image], lane.uncopied([image], meaning));
      } else byDigest.set(meaning.digest, [...(byDigest.get(meaning.digest) ?? []), image]);
    }
    await forEach(byDigest, this.#onTheirWay.limit, async ([digest, [first, ...more]]) => {
      using _slot = await this.#onTheirWay.acquire(signal);
      if (first !== undefined) await this.#copyImage({ digest, images: [first, ...more] });
    });
  }

  async #copyImage(same: SameImages): Promise<void> {
    const [first] = same.images;
    this.#options.onEvent({ type: 'started', reference: first.text });
    const at = this.#placedAtSource(first, same.digest);
    // What is on this machine already is read by each destination for itself.
    await using shared = first.place.isRemote === true ? this.#downloads?.of(at.source) : undefined;
    const from = { ...at, source: shared ?? at.source };
    await forEach(this.#lanes, this.#lanes.length, (lane) => this.#copyTo(lane, from, same));
  }

  /** What it was given no time for, from where another destination has it, or else from the source once more. */
  async #catchUp(lane: CopyLane): Promise<void> {
    await forEach(lane.left.splice(0), IMAGES_A_LANE, async (same) => {
      const [first] = same.images;
      await this.#copyTo(lane, this.#placed.get(first) ?? this.#placedAtSource(first, same.digest), same);
    });
  }

  async #copyTo(lane: CopyLane, from: PlacedImage, same: SameImages): Promise<void> {
    const copied = await lane.copy(from, same);
    this.#relieve();
    if (copied === undefined) return;
    const { outcomes, placed } = copied;
    // Where platforms were chosen it is not what the source has.
    if (placed !== undefined && this.#options.platforms.length === 0) this.#placed.set(same.images[0], placed);
    this.#report(same.images, outcomes);
  }

  /** Where some have nothing to do and no image may start, those that are behind get the rest later. */
  #relieve(): void {
    if (!this.#onTheirWay.isSaturated || !this.#lanes.some((lane) => lane.isIdle)) return;
    for (const lane of this.#lanes) lane.putOff();
  }

  #placedAtSource({ place, repository }: SourceImage, digest: Digest): PlacedImage {
    const { name, target, source } = place.repository(repository);
    const at = { address: place.address, repository: { name, target, isNew: false } };
    return { source, digest, at, referrers: this.#referrers.of(place, repository), isCopy: false };
  }

  /** Called for each lane; after the last of them the images are done. */
  #report(images: readonly SourceImage[], outcomes: readonly CopyOutcome[]): void {
    const { onEvent, onOutcome } = this.#options;
    for (const outcome of outcomes) onOutcome(outcome);
    for (const image of images) {
      const report = this.#reports.get(image) ?? { outcomes: [], lanesLeft: this.#lanes.length };
      this.#reports.set(image, report);
      report.outcomes.push(...outcomes.filter(({ source }) => source === image.text));
      report.lanesLeft -= 1;
      if (report.lanesLeft > 0) continue;
      this.#reports.delete(image);
      this.#placed.delete(image);
      const worst = (['failed', 'deferred', 'copied', 'upToDate'] as const).find((one) =>
        report.outcomes.some(({ outcome }) => outcome === one),
      );
      const message = report.outcomes.find((one) => one.message !== undefined)?.message;
      onEvent({ type: 'finished', reference: image.text, outcome: worst ?? 'copied', tags: 1, message });
    }
  }
}

function platformNotices(paired: readonly PairedDestination[], platforms: readonly Platform[]): string[] {
  const destinations = paired.map(({ destination }) => destination);
  const whole = destinations.filter(({ onlyPlatform }) => onlyPlatform === undefined);
  const only = destinations.find(({ onlyPlatform }) => onlyPlatform !== undefined)?.onlyPlatform;
  const isSparse = whole.every(({ keepsSparseIndexes }) => keepsSparseIndexes);
  return [
    ...(platforms.length > 0 && whole.length > 0 ? [platformNotice(platforms, { isSparse })] : []),
    ...(only === undefined
      ? []
      : [`archives and daemons get one platform of each image: ${formatPlatform(only)}; --platform chooses another`]),
  ];
}
