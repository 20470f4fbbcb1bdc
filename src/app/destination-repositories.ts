import { CopyError } from '../copy/copy-error.ts';
import type { ReferrerLists } from '../copy/copy-referrers.ts';
import type { NewName } from '../copy/pair-images.ts';
import type { TargetRepository } from '../copy/placements.ts';
import { presentTags } from '../copy/present-tags.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import type { OpenDestination } from './copy-destinations.ts';
import type { SourceImage } from './copy-sources.ts';

interface DestinationOptions extends Call {
  /** Empty: all. */
  readonly platforms: readonly Platform[];
}

export interface SeenRepository {
  readonly repository: TargetRepository;
  readonly isNew: boolean;
  readonly referrers?: ReferrerLists | undefined;
  /** What it had when it was looked at. */
  readonly tags: ReadonlySet<Tag>;
}

/** What the repositories of all destinations hold: each is looked at once, when the first image goes there. */
export class DestinationRepositories {
  readonly #options: DestinationOptions;
  readonly #seen = new Map<string, Promise<SeenRepository>>();

  constructor({ platforms, signal }: DestinationOptions) {
    this.#options = { platforms, signal };
  }

  /** Throws CopyError. */
  look(destination: OpenDestination, image: SourceImage, name: NewName): Promise<SeenRepository> {
    const key = `${destination.address} ${image.place.upstream?.name ?? ''} ${name.repository ?? ''}`;
    const seen = this.#seen.get(key) ?? this.#look(destination, image, name);
    this.#seen.set(key, seen);
    return seen;
  }

  /** What those tags mean that are there. Throws CopyError. */
  async digestsOf({ repository, tags }: SeenRepository, wanted: readonly Tag[]): Promise<ReadonlyMap<Tag, Digest>> {
    const there = wanted.filter((tag) => tags.has(tag));
    try {
      return await presentTags(repository.target, there, this.#options);
    } catch (error) {
      throw new CopyError('target', error);
    }
  }

  async #look(destination: OpenDestination, image: SourceImage, name: NewName): Promise<SeenRepository> {
    try {
      const { name: there, target, referrers } = await destination.repositoryFor(image, name);
      const tags = await target.listTags(this.#options);
      const isNew = tags === undefined;
      return { repository: { name: there, target, isNew }, isNew, referrers, tags: tags ?? new Set() };
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      throw new CopyError('target', error);
    }
  }
}
