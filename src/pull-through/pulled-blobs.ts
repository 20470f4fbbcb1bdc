// Blobs of an upstream's repository: those that are here at once, and those that are not as they come.
import type { Clock } from '../async/clock.ts';
import { withinDeadline } from '../async/deadline.ts';
import type { BlobStore } from '../content/blob-store.ts';
import { Fill } from '../content/filling/fill.ts';
import type { Fills } from '../content/filling/fills.ts';
import type { SharedFill } from '../content/filling/shared-fill.ts';
import { StorageError } from '../content/storage-error.ts';
import { DiskError } from '../database/disk-error.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError, isNotFound } from '../oci/errors.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { UpstreamRepository } from '../remote/upstream-repository.ts';
import type { BlobBytes, InclusiveRange } from '../store/blob-bytes.ts';
import type { StoredRepository } from '../store/stored-repository.ts';
import type { FailureMemory } from './failure-memory.ts';
import { partOf } from './part-of.ts';
import type { PullEvents, Pulled } from './pull-events.ts';
import { ANSWER_DEADLINE_MS, type Questions } from './questions.ts';
import { unlessGone } from './unless-gone.ts';
import { UpstreamBytes } from './upstream-bytes.ts';
import { failureFor, silence } from './upstream-failure.ts';

export interface PulledBlobsOptions {
  /** The upstream's name. */
  readonly upstream: string;
  readonly source: Pick<UpstreamRepository, 'statBlob' | 'blob' | 'unverifiedBlob' | 'mayStitch'>;
  /** The repository in our store. */
  readonly stored: StoredRepository;
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  readonly shared: SharedBlobs;
}

/** What the repositories of a process share. */
export interface SharedBlobs {
  readonly clock: Clock;
  readonly fills: Fills;
  readonly sizes: Questions<{ readonly sizeBytes: number }>;
  readonly failures: FailureMemory;
  /** The repositories that each fill is known to be for: who knows a digest has no right to it. */
  readonly owners: WeakMap<SharedFill, Set<RepositoryName>>;
  readonly events: PullEvents;
}

/** From its bytes being here to a repository having them. */
const HELD_MS = 60_000;

export class PulledBlobs {
  readonly #options: PulledBlobsOptions;
  readonly #pulled: Pulled;

  constructor(options: PulledBlobsOptions) {
    this.#options = options;
    this.#pulled = { upstream: options.upstream, kind: 'blob' };
  }

  /** HEAD: never fetches. Throws as `open` does. */
  async stat(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    return (await unlessUnknown(this.#options.stored.statBlob(digest))) ?? (await this.#statElsewhere(digest));
  }

  /** The same for whoever reads the blob next. */
  async sizeOf(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    return (await unlessUnknown(this.#options.stored.sizeOfBlob(digest))) ?? (await this.#statElsewhere(digest));
  }

  /**
   * The bytes of the range, or all of them: also while they come, as far as they came. Throws BLOB_UNKNOWN when the
   * upstream says that there is no such blob, DENIED when it refuses us, UpstreamFailure when it gives no answer.
   */
  async open(digest: Digest, range: InclusiveRange | undefined, call: Call): Promise<BlobBytes> {
    const { shared, stored } = this.#options;
    const here = await unlessUnknown(stored.openBlob(digest, range));
    shared.events.count(here === undefined ? 'miss' : 'hit', this.#pulled);
    if (here !== undefined) return here;
    try {
      return await this.#openByStoring(digest, range, call);
    } catch (error) {
      if (!isOfDisk(error)) throw error;
      // What cannot be kept is served all the same.
      shared.events.notKept(this.#name, error);
      const { sizeBytes, body } = await asFailure(this.#options.source.blob(digest, call));
      return { sizeBytes, body: range === undefined ? body : partOf(body, range) };
    }
  }

  async #openByStoring(digest: Digest, range: InclusiveRange | undefined, call: Call): Promise<BlobBytes> {
    const { shared, content } = this.#options;
    if (shared.fills.running(digest) === undefined && (await content.stat(digest)) !== undefined) {
      return await this.#openAsGiven(digest, range, call);
    }
    const fill = await this.#follow(digest, call);
    return fill === undefined ? await this.#openAsGiven(digest, range, call) : this.#bytesOf(fill, range);
  }

  get #name(): RepositoryName {
    return this.#options.stored.name;
  }

  async #statElsewhere(digest: Digest): Promise<{ readonly sizeBytes: number }> {
    const running = this.#options.shared.fills.running(digest);
    return running !== undefined && this.#owns(running) ? running : await this.#statThere(digest, {});
  }

  /** It is in our store for another repository: the upstream says whether it is one of this repository, too. */
  async #openAsGiven(digest: Digest, range: InclusiveRange | undefined, call: Call): Promise<BlobBytes> {
    const { metadata, content, stored } = this.#options;
    // Whoever makes room leaves it alone from now on.
    await stored.lease(digest, HELD_MS);
    await this.#statThere(digest, call);
    const blob = await content.stat(digest);
    if (blob === undefined) return await this.#openByStoring(digest, range, call);
    await metadata.addBlob(this.#name, { digest, sizeBytes: blob.sizeBytes });
    return await stored.openBlob(digest, range);
  }

  async #statThere(digest: Digest, { signal }: Call): Promise<{ readonly sizeBytes: number }> {
    const { shared, source } = this.#options;
    const asking = shared.sizes.ask(`${this.#name}@${digest}`, async (deadline) => {
      const blob = await asFailure(source.statBlob(digest, { signal: deadline }));
      if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `${this.#name} has no blob ${digest}`);
      return blob;
    });
    return await unlessGone(asking, signal);
  }

  async #follow(digest: Digest, { signal }: Call): Promise<SharedFill | undefined> {
    const { failures, fills } = this.#options.shared;
    const key = `${this.#name}@${digest}`;
    // Who saw a body break off may be faster than its end is told.
    await fills.settled(digest);
    const failure = failures.get(key);
    if (failure !== undefined) throw failure.error;
    const following = this.#join(digest);
    try {
      const fill = await unlessGone(following, signal);
      failures.forget(key);
      return fill;
    } catch (error) {
      // A client that left follows nobody, also when the fill is opened only after that.
      if (signal?.aborted === true) void following.then((fill) => fill && this.#leave(fill)).catch(() => undefined);
      else if (!isOfDisk(error)) failures.remember(key, error);
      throw error;
    }
  }

  async #join(digest: Digest): Promise<SharedFill | undefined> {
    const { shared, source } = this.#options;
    const bytes = new UpstreamBytes(source, digest);
    const deadline = { clock: shared.clock, ms: ANSWER_DEADLINE_MS, reason: () => silence(ANSWER_DEADLINE_MS) };
    const fill = await asFailure(withinDeadline(deadline, (signal) => shared.fills.follow(digest, bytes, signal)));
    if (fill === undefined) return undefined;
    try {
      // Others may have begun it for another repository.
      if (!bytes.hasAnswered && !this.#owns(fill)) await this.#statThere(digest, {});
    } catch (error) {
      await this.#leave(fill);
      throw error;
    }
    this.#own(fill);
    return fill;
  }

  #owns(fill: SharedFill): boolean {
    return this.#options.shared.owners.get(fill)?.has(this.#name) === true;
  }

  #own(fill: SharedFill): void {
    const { shared, metadata, stored } = this.#options;
    const owners = shared.owners.get(fill) ?? new Set();
    if (owners.has(this.#name)) return;
    shared.owners.set(fill, owners.add(this.#name));
    if (!(fill instanceof Fill)) return;
    void fill.over.then((error) => this.#rememberEnd(fill.digest, error));
    fill.whenStored(this.#name, {
      hold: () => stored.lease(fill.digest, HELD_MS),
      stored: (blob) => metadata.addBlob(this.#name, blob),
    });
  }

  /** Who saw the body break off asks again at once: the upstream is not asked as often, and a full disk not tried. */
  #rememberEnd(digest: Digest, error: unknown): void {
    const { failures } = this.#options.shared;
    const isTold = error instanceof RemoteError || isOfDisk(error);
    if (isTold) failures.remember(`${this.#name}@${digest}`, failureFor(error, { unknown: 'BLOB_UNKNOWN' }));
  }

  async #leave(fill: SharedFill): Promise<void> {
    await this.#options.shared.fills.leave(fill);
  }

  #bytesOf(fill: SharedFill, range: InclusiveRange | undefined): BlobBytes {
    const { sizeBytes } = fill;
    const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
    const isCautious = last < sizeBytes - 1;
    const within = (grownTo: number) => Math.min(grownTo, last + 1) - first;
    return {
      sizeBytes,
      body: {
        fd: fill.fd,
        offset: first,
        sizeBytes: last - first + 1,
        grownPast: (count) => {
          const grown = fill.grownPast(first + count, isCautious);
          return grown instanceof Promise ? grown.then(within) : within(grown);
        },
        recent: (count) => fill.recentFrom?.(first + count) ?? [],
        close: () => this.#leave(fill),
      },
    };
  }
}

function isOfDisk(error: unknown): boolean {
  return error instanceof StorageError || error instanceof DiskError;
}

async function unlessUnknown<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
}

async function asFailure<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    throw failureFor(error, { unknown: 'BLOB_UNKNOWN' });
  }
}
