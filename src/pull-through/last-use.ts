// When manifests were last used. Each write makes every process forget what it remembers of tags, so many uses become one
// write, now and then.
import type { Clock } from '../async/clock.ts';
import type { RepositoryDigest } from '../metadata/housekeeping.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';

export interface LastUseOptions {
  readonly metadata: Pick<MetadataStore, 'markUsed'>;
  readonly clock: Clock;
  /** A manifest that nobody used so long goes: how exactly its last use must be known follows from that. */
  readonly maxIdleMs: number;
  /** Told when uses could not be written. They are lost, and the next ones are tried anew. */
  readonly onLost: (error: unknown) => void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MAX_REMEMBERED = 100_000;
const MAX_DUE = 10_000;
const MANIFESTS_A_WRITE = 500;

/** Dispose of it, before the metadata, to write what is due. */
export class LastUse implements AsyncDisposable {
  readonly #options: LastUseOptions;
  /** A manifest that was marked within this time is not marked again. */
  readonly #everyMs: number;
  /** By repository and digest: when it was last told of. The first of too many are forgotten, and told of once more. */
  readonly #toldAtMs = new Map<string, number>();
  readonly #stop = new AbortController();
  #due: RepositoryDigest[] = [];
  #waiting: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: LastUseOptions) {
    this.#options = options;
    this.#everyMs = Math.min(HOUR_MS, Math.max(MINUTE_MS, options.maxIdleMs / 10));
  }

  /** Returns at once; a minute later it is written. Of more uses a minute than can be kept some are not. */
  used(repository: RepositoryName, digest: Digest): void {
    const nowMs = this.#options.clock.now();
    const key = `${repository}@${digest}`;
    const toldAtMs = this.#toldAtMs.get(key);
    if (toldAtMs !== undefined && nowMs - toldAtMs < this.#everyMs) return;
    if (this.#due.length >= MAX_DUE) return;
    this.#remember(key, nowMs);
    this.#due.push({ repository, digest });
    this.#waiting ??= this.#flushLater();
  }

  /** Writes what is due. Never rejects. */
  async flush(): Promise<void> {
    const due = this.#due;
    this.#due = [];
    this.#writing = this.#writing.then(() => this.#write(due));
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#waiting;
    await this.flush();
  }

  #remember(key: string, nowMs: number): void {
    // In the order of their times.
    this.#toldAtMs.delete(key);
    this.#toldAtMs.set(key, nowMs);
    const [oldest] = this.#toldAtMs.size > MAX_REMEMBERED ? this.#toldAtMs.keys() : [];
    if (oldest !== undefined) this.#toldAtMs.delete(oldest);
  }

  async #flushLater(): Promise<void> {
    const wasStopped = await this.#options.clock.sleep(MINUTE_MS, this.#stop.signal).then(
      () => false,
      () => true,
    );
    this.#waiting = undefined;
    if (!wasStopped) await this.flush();
  }

  async #write(due: readonly RepositoryDigest[]): Promise<void> {
    const { metadata, clock, onLost } = this.#options;
    for (let start = 0; start < due.length; start += MANIFESTS_A_WRITE) {
      try {
        await metadata.markUsed(due.slice(start, start + MANIFESTS_A_WRITE), clock.now());
      } catch (error) {
        onLost(error);
      }
    }
  }
}
