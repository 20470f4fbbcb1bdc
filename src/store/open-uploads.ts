import type { BlobStore } from '../content/blob-store.ts';
import type { DigestAlgorithm, Ingest, IngestStatus } from '../content/ingest.ts';
import { OciError } from '../oci/errors.ts';

/** More than a client has under way at once; those that are put aside are hashed again when they go on. */
const MAX_OPEN = 256;
/** One that nobody goes on with for so long, or up to twice as long, is closed: a collection may have deleted its file. */
const IDLE_MS = 5 * 60_000;

interface Idle {
  readonly ingest: Ingest;
  /** It was idle already when it was last looked at. */
  isOld: boolean;
  /** How the ingest was left. It is another one now if another process went on with it. */
  readonly left: IngestStatus | undefined;
}

/**
 * The ingests that requests of this process are at, or were at a moment ago: one that goes on need not be hashed from
 * its beginning. The next request for it may come to another process, and the one after that here again. Dispose of it
 * to leave them to whoever resumes them.
 */
export class OpenUploads implements AsyncDisposable {
  readonly #content: BlobStore;
  /** The least recently used first. */
  readonly #idle = new Map<string, Idle>();
  readonly #busy = new Set<string>();
  #sweep: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(content: BlobStore) {
    this.#content = content;
  }

  async begin(algorithm: DigestAlgorithm): Promise<string> {
    const ingest = await this.#content.begin(algorithm);
    await this.#keep(ingest);
    return ingest.id;
  }

  /**
   * Runs `work` alone with the ingest, which stays open if it says so. What fails is left for a later request to resume.
   * Throws RANGE_INVALID while another request is at the same one, or when it does not have `offset` bytes, and
   * BLOB_UPLOAD_UNKNOWN.
   */
  async with(
    { id, offset }: { readonly id: string; readonly offset?: number | undefined },
    work: (ingest: Ingest) => Promise<'open' | 'over'>,
  ): Promise<void> {
    if (this.#busy.has(id)) throw new OciError('RANGE_INVALID', `another request is at the upload ${id}`);
    this.#busy.add(id);
    try {
      const found = await this.#content.statIngest(id);
      // A request that comes late does not take the ingest from the process that went on with it.
      checkOffset(id, this.#sizeNow(id, found), offset);
      const ingest = (await this.#takeIdle(id, found)) ?? (await this.#content.resume(id));
      let outcome: 'open' | 'over' = 'over';
      try {
        checkOffset(id, ingest.sizeBytes, offset);
        outcome = await work(ingest);
      } finally {
        if (outcome === 'open') await this.#keep(ingest);
        else await ingest[Symbol.asyncDispose]();
      }
    } finally {
      this.#busy.delete(id);
    }
  }

  async abort(id: string): Promise<void> {
    const idle = this.#idle.get(id);
    this.#idle.delete(id);
    await idle?.ingest.abort();
    // Another process may have taken it.
    await this.#content.abortIngest(id);
  }

  /** How many bytes it has; `undefined` when there is none. */
  async sizeOf(id: string): Promise<number | undefined> {
    return this.#sizeNow(id, await this.#content.statIngest(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#sweep);
    await this.#close([...this.#idle.values()]);
  }

  #sizeNow(id: string, found: IngestStatus | undefined): number | undefined {
    const idle = this.#idle.get(id);
    return idle !== undefined && isSame(idle.left, found) ? idle.ingest.sizeBytes : found?.sizeBytes;
  }

  /** `undefined` also when another process has taken it. */
  async #takeIdle(id: string, found: IngestStatus | undefined): Promise<Ingest | undefined> {
    const idle = this.#idle.get(id);
    if (idle === undefined) return undefined;
    this.#idle.delete(id);
    if (isSame(idle.left, found)) return idle.ingest;
    await idle.ingest[Symbol.asyncDispose]();
    return undefined;
  }

  /** Closes what nobody has, if the storage fails at this very moment. */
  async #statHeld(ingest: Ingest): Promise<IngestStatus | undefined> {
    try {
      return await this.#content.statIngest(ingest.id);
    } catch (error) {
      await ingest[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #keep(ingest: Ingest): Promise<void> {
    const left = await this.#statHeld(ingest);
    if (left?.sizeBytes !== ingest.sizeBytes) {
      await ingest[Symbol.asyncDispose]();
      throw new OciError('RANGE_INVALID', `another process went on with the upload ${ingest.id}, or ended it`);
    }
    // A request may outlive the server that it came to; and what is empty need not be hashed again.
    if (this.#isDisposed || ingest.sizeBytes === 0) return await ingest[Symbol.asyncDispose]();
    this.#idle.set(ingest.id, { ingest, left, isOld: false });
    this.#sweepLater();
    const [oldest] = this.#idle.values();
    if (oldest !== undefined && this.#idle.size > MAX_OPEN) await this.#close([oldest]);
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      const old = [...this.#idle.values()].filter(({ isOld }) => isOld);
      for (const idle of this.#idle.values()) idle.isOld = true;
      // What cannot be closed is found out by whoever goes on with it.
      void this.#close(old).catch(() => undefined);
      if (this.#idle.size > 0) this.#sweepLater();
    }, IDLE_MS).unref();
  }

  async #close(idle: readonly Idle[]): Promise<void> {
    for (const { ingest } of idle) this.#idle.delete(ingest.id);
    await Promise.all(idle.map(({ ingest }) => ingest[Symbol.asyncDispose]()));
  }
}

function isSame(one: IngestStatus | undefined, other: IngestStatus | undefined): boolean {
  return one?.sizeBytes === other?.sizeBytes && one?.changedAt.getTime() === other?.changedAt.getTime();
}

/** Of what is gone the size does not matter: it is found to be gone. */
function checkOffset(id: string, receivedBytes: number | undefined, offset: number | undefined): void {
  if (receivedBytes === undefined || offset === undefined || offset === receivedBytes) return;
  throw new OciError('RANGE_INVALID', `the upload ${id} goes on at byte ${receivedBytes}, not at ${offset}`);
}
