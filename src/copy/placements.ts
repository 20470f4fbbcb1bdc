import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Target } from '../oci/repository.ts';

/** A repository at the target registry, under the name by which it can be mounted from. */
export interface TargetRepository {
  readonly name: RepositoryName;
  readonly target: Target;
  /** The registry said at the start that it has no such repository: whatever we did not put there is not there. */
  readonly isNew: boolean;
}

/**
 * What a run knows of one target registry: which repository has which blob or manifest, and what is being put where
 * right now. It is why nothing is fetched or sent twice: whoever needs what another is sending waits for it, then mounts it.
 */
export class Placements {
  readonly #holders = new Map<Digest, TargetRepository>();
  readonly #sending = new Map<Digest, Promise<unknown>>();
  readonly #done = new Map<RepositoryName, Map<Digest, Promise<void>>>();
  readonly #untouched = new Map<RepositoryName, Promise<boolean>>();

  /** Puts a manifest or blob into a repository once, however many ask; all of them share the outcome. */
  once(repository: TargetRepository, digest: Digest, work: () => Promise<void>): Promise<void> {
    const inRepository = this.#done.get(repository.name) ?? new Map<Digest, Promise<void>>();
    this.#done.set(repository.name, inRepository);
    const known = inRepository.get(digest);
    if (known !== undefined) return known;
    const promise = work();
    inRepository.set(digest, promise);
    return promise;
  }

  /**
   * Whether a new repository may be taken to lack whatever this run did not put there. Registries also call one new
   * that an earlier run filled and was killed before it could tag: so the first blob is asked for, and if it is there,
   * all are.
   */
  isUntouched(repository: TargetRepository, digest: Digest): Promise<boolean> {
    if (!repository.isNew) return Promise.resolve(false);
    const known = this.#untouched.get(repository.name) ?? lacks(repository, digest);
    this.#untouched.set(repository.name, known);
    return known;
  }

  /** Believes no longer that something is there, as the registry says otherwise. */
  forget(repository: TargetRepository, digest: Digest): void {
    this.#done.get(repository.name)?.delete(digest);
    if (this.#holders.get(digest)?.name === repository.name) this.#holders.delete(digest);
  }

  /**
   * Brings a blob or manifest into a repository: by `send`, which others who need the same one wait for, or by `mount`
   * from the repository that has it by then.
   */
  async place(
    repository: TargetRepository,
    digest: Digest,
    by: { readonly send: () => Promise<unknown>; readonly mount: (holder: TargetRepository) => Promise<unknown> },
  ): Promise<void> {
    for (let sending = this.#sending.get(digest); sending !== undefined; sending = this.#sending.get(digest)) {
      await sending.catch(() => undefined);
    }
    const holder = this.#holders.get(digest);
    if (holder !== undefined && holder.name !== repository.name) {
      await by.mount(holder);
      return;
    }
    const sending = by.send();
    this.#sending.set(digest, sending);
    try {
      await sending;
      this.#holders.set(digest, repository);
    } finally {
      this.#sending.delete(digest);
    }
  }
}

// A registry that does not answer is asked again, about each blob, by whoever pushes it.
async function lacks({ target }: TargetRepository, digest: Digest): Promise<boolean> {
  try {
    return (await target.statBlob(digest)) === undefined;
  } catch {
    return false;
  }
}
