import type { BlobStore } from '../content/blob-store.ts';
import type { DigestAlgorithm, Ingest } from '../content/ingest.ts';
import { OciError } from '../oci/errors.ts';

/** More than a client has under way at once; those that are put aside are hashed again when they go on. */
const MAX_OPEN = 256;

/**
 * The ingests that requests of this process are at, or were at a moment ago: one that goes on need not be hashed from
 * its beginning. Dispose of it to leave them to whoever resumes them.
 */
export class OpenUploads implements AsyncDisposable {
  readonly #content: BlobStore;
  /** The least recently used first. */
  readonly #idle = new Map<string, Ingest>();
  readonly #busy = new Set<string>();

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
   * Throws RANGE_INVALID while another request is at the same one, and BLOB_UPLOAD_UNKNOWN.
   */
  async with(id: string, work: (ingest: Ingest) => Promise<'open' | 'over'>): Promise<void> {
    if (this.#busy.has(id)) throw new OciError('RANGE_INVALID', `another request is at the upload ${id}`);
    this.#busy.add(id);
    try {
      const ingest = this.#idle.get(id) ?? (await this.#content.resume(id));
      this.#idle.delete(id);
      let outcome: 'open' | 'over' = 'over';
      try {
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
    const ingest = this.#idle.get(id);
    this.#idle.delete(id);
    await (ingest?.abort() ?? this.#content.abortIngest(id));
  }

  /** How many bytes it has; `undefined` when there is none. */
  async sizeOf(id: string): Promise<number | undefined> {
    return this.#idle.get(id)?.sizeBytes ?? (await this.#content.statIngest(id))?.sizeBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#idle.values()].map((ingest) => ingest[Symbol.asyncDispose]()));
    this.#idle.clear();
  }

  async #keep(ingest: Ingest): Promise<void> {
    this.#idle.set(ingest.id, ingest);
    const [oldest] = this.#idle.values();
    if (oldest === undefined || this.#idle.size <= MAX_OPEN) return;
    this.#idle.delete(oldest.id);
    await oldest[Symbol.asyncDispose]();
  }
}
