// One image to its targets: to the first from the upstream, to each further one from the one before.
import { type GraphCopied, copyGraph } from '../copy/copy-graph.ts';
import { Placements, type TargetRepository } from '../copy/placements.ts';
import type { CopiedTag } from '../journal/copied-tags.ts';
import type { Tag } from '../oci/reference.ts';
import type { Call, Source } from '../oci/repository.ts';
import type { PullPayer } from '../remote/pull-ledger.ts';
import type { SyncJob, SyncTarget } from './job.ts';
import type { CopyAction, Present } from './plan.ts';

export interface ImageCopierOptions extends Call {
  readonly onBytes: (count: number) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Copies the images of one run: what they share is fetched and sent once. */
export class ImageCopier {
  readonly #job: SyncJob;
  readonly #options: ImageCopierOptions;
  readonly #placements: ReadonlyMap<SyncTarget, Placements>;

  constructor(job: SyncJob, options: ImageCopierOptions) {
    this.#job = job;
    this.#options = options;
    this.#placements = new Map(job.targets.map((target) => [target, new Placements()]));
  }

  /** Gives the tags that were moved at some target. Throws CopyError. */
  async copy({ image, to }: CopyAction, payer?: PullPayer): Promise<ReadonlySet<Tag>> {
    const { upstream, selection } = this.#job;
    const { signal, onBytes } = this.#options;
    const moved = new Set<Tag>();
    let from: Source = upstream.repository(image.repository, payer);
    let root = image.digest;
    for (const at of to) {
      const repository = repositoryAt(at);
      const copied: GraphCopied = await copyGraph(root, image.tags, {
        from,
        to: repository,
        placements: this.#placements.get(at.target) ?? new Placements(),
        platforms: root === image.digest ? selection.platforms : [],
        present: at.tags,
        onBytes,
        signal,
      });
      await this.#remember(at, image, copied);
      for (const tag of copied.movedTags) moved.add(tag);
      from = repository.target;
      root = copied.digest;
    }
    return moved;
  }

  async #remember({ target, name }: Present, image: CopyAction['image'], copied: GraphCopied): Promise<void> {
    const checkedAt = new Date(this.#options.now());
    const common = { repository: name, sourceDigest: image.digest, targetDigest: copied.digest, checkedAt };
    await this.#job.state?.copiedTo(target).put(image.tags.map((tag): CopiedTag => ({ ...common, tag })));
  }
}

// One object for each repository of a target, as placements tell them apart by name.
function repositoryAt({ target, name, isNew }: Present): TargetRepository {
  return { name, target: target.registry.repository(name), isNew };
}
