// One blob on its way here, for all who wait for it. The first one's leaving ends nothing, and the slowest holds up nobody.
import type { Awaitable } from '../../async/awaitable.ts';
import type { Digest } from '../../oci/digest.ts';
import { batches } from '../../streams/batches.ts';
import { sizeOfParts } from '../../streams/parts.ts';
import type { BlobStore } from '../blob-store.ts';
import type { FillSource, SourceBytes } from './fill-source.ts';
import type { FillingFile } from './filling-file.ts';
import type { FillingFolder } from './filling-folder.ts';
import { type OpenedFill, openFill } from './open-fill.ts';
import type { SharedFill } from './shared-fill.ts';

export interface FillParts {
  readonly folder: FillingFolder;
  readonly content: BlobStore;
  /** Told what went wrong after the blob was here. */
  readonly onError: (error: unknown) => void;
}

/**
 * What whoever wants the blob does when it comes: `hold` before it is anywhere, so that it is nobody's garbage, and
 * `stored` when it is in the content store.
 */
export interface FillHooks {
  hold(): Promise<void>;
  stored(blob: { readonly digest: Digest; readonly sizeBytes: number }): Promise<void>;
}

export class Fill implements SharedFill {
  readonly digest: Digest;
  /** Of the whole; known since it was opened. */
  readonly sizeBytes: number;
  /** Resolves when nothing is left to do: with why the blob is not kept, or `undefined`. Never rejects. */
  readonly over: Promise<unknown>;
  readonly #parts: FillParts;
  readonly #file: FillingFile;
  readonly #abort: AbortController;
  readonly #hooks = new Map<string, FillHooks>();
  #isStored = false;

  private constructor(digest: Digest, opened: OpenedFill, lock: Disposable, parts: FillParts) {
    this.digest = digest;
    this.sizeBytes = opened.bytes.sizeBytes;
    this.#parts = parts;
    this.#file = opened.file;
    this.#abort = opened.abort;
    this.over = this.#run(opened.bytes, lock);
  }

  /**
   * Resolves as soon as the source has said how long the blob is; the rest goes on by itself, and gives the lock back.
   * Rejects, and leaves the lock, with what the source says instead, or with the signal's reason when it aborts before
   * that. Whoever opens one has joined it, and leaves.
   */
  static async open(
    digest: Digest,
    {
      source,
      lock,
      signal,
      ...parts
    }: FillParts & { readonly source: FillSource; readonly lock: Disposable; readonly signal: AbortSignal },
  ): Promise<Fill> {
    return new Fill(digest, await openFill(digest, { folder: parts.folder, source, signal }), lock, parts);
  }

  get fd(): number {
    return this.#file.fd;
  }

  /** Of its file, as long as that is open. */
  get fileId(): string {
    return this.#file.id;
  }

  get leftBytes(): number {
    return this.sizeBytes - this.#file.writtenBytes;
  }

  /** Whether it broke off, or was ended: it is of no use to who comes now. */
  get isBroken(): boolean {
    return this.#abort.signal.aborted || this.#file.hasFailed;
  }

  grownPast(count: number, isCautious: boolean): Awaitable<number> {
    return this.#file.grownPast(count, isCautious);
  }

  recentFrom(position: number): readonly Uint8Array[] {
    return this.#file.recentFrom(position);
  }

  /** Keeps its file open for a reader, until he leaves. */
  join(): void {
    this.#file.join();
  }

  async leave(): Promise<void> {
    await this.#file.leave();
  }

  /** The first hooks of each key are called, once: those that come when it is stored already, at once. */
  whenStored(key: string, hooks: FillHooks): void {
    if (this.#hooks.has(key)) return;
    this.#hooks.set(key, hooks);
    if (this.#isStored) void this.#tell(hooks);
  }

  /** Ends it. What came so far stays for whoever wants the blob next. */
  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  async #run(bytes: SourceBytes, lock: Disposable): Promise<unknown> {
    using _lock = lock;
    try {
      await this.#receive(bytes);
      await this.#keep();
      return undefined;
    } catch (error) {
      const { aborted, reason } = this.#abort.signal;
      const why: unknown = aborted ? reason : error;
      this.#file.failed(why);
      await this.#file.removeIfEmpty();
      return why;
    }
  }

  async #receive(bytes: SourceBytes): Promise<void> {
    const reader = bytes.body.getReader();
    const { signal } = this.#abort;
    // Nobody waits for the source to agree.
    const cancel = (reason: unknown) => void reader.cancel(reason).catch(() => undefined);
    const onAbort = () => cancel(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      for await (const chunks of batches(reader)) {
        signal.throwIfAborted();
        if (sizeOfParts(chunks) > this.leftBytes)
          throw await this.#wrong(bytes, `it has more than ${this.sizeBytes} bytes`);
        await this.#parts.folder.attempt(() => this.#file.append(chunks, bytes.isFromAuthority));
      }
      signal.throwIfAborted();
    } catch (error) {
      cancel(error);
      throw error;
    }
    if (this.leftBytes > 0) throw await this.#wrong(bytes, `it ended ${this.leftBytes} bytes early`);
    const found = this.#file.hash();
    if (found !== this.digest) throw await this.#wrong(bytes, `the bytes hash to ${found}, not to ${this.digest}`);
    await this.#parts.folder.attempt(() => this.#file.verified());
  }

  /** Its readers have all of it, whatever fails here; what is verified is kept by whoever wants the blob next. */
  async #keep(): Promise<void> {
    const { content } = this.#parts;
    for (const hooks of this.#hooks.values()) await hooks.hold();
    await content.adopt(this.digest, this.#file.path, this.digest);
    this.#isStored = true;
    await Promise.all([...this.#hooks.values()].map((hooks) => this.#tell(hooks)));
  }

  async #tell(hooks: FillHooks): Promise<void> {
    try {
      await hooks.stored({ digest: this.digest, sizeBytes: this.sizeBytes });
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  /** What is wrong is not gone on with. */
  async #wrong(bytes: SourceBytes, message: string): Promise<Error> {
    const error = bytes.wrong(message);
    await this.#parts.folder.attempt(() => this.#file.remove());
    return error;
  }
}
