// A blob that another process fetches. Its file tells how far it is, and whether it hashed right; when that process dies,
// this one goes on.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Awaitable } from '../../async/awaitable.ts';
import type { Clock } from '../../async/clock.ts';
import { SingleFlight } from '../../async/single-flight.ts';
import type { Digest } from '../../oci/digest.ts';
import { nothingIfGone } from '../storage-error.ts';
import type { Fill } from './fill.ts';
import { idOf, isVerified } from './filling-file.ts';
import type { SharedFill } from './shared-fill.ts';

export interface ForeignFillOptions {
  readonly digest: Digest;
  /** Closed when the last has left. */
  readonly file: FileHandle;
  readonly sizeBytes: number;
  readonly clock: Clock;
  /**
   * A fill of this process that goes on, which it has joined; `busy` while somebody else fetches the blob, `stored` when
   * it is in the content store.
   */
  readonly takeOver: (signal: AbortSignal) => Promise<Fill | 'busy' | 'stored'>;
  readonly leave: (successor: Fill) => Promise<void>;
}

const LOOK_MS = 20;
/** So many looks at a file that does not grow, and its writer may be dead. */
const LOOKS_TO_DOUBT = 50;

/** Whoever makes one has joined it, and leaves. */
export class ForeignFill implements SharedFill {
  readonly sizeBytes: number;
  readonly #options: ForeignFillOptions;
  readonly #looks = new SingleFlight<'look', void>();
  readonly #ended = new AbortController();
  #users = 1;
  #grownTo = 0;
  #isWhole = false;
  #looksWithoutGrowth = 0;
  #successor: Fill | undefined;

  constructor(options: ForeignFillOptions) {
    this.sizeBytes = options.sizeBytes;
    this.#options = options;
  }

  /** `undefined` when there is no such file: it is not begun, or over. */
  static async openFile(file: string): Promise<FileHandle | undefined> {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(nothingIfGone);
  }

  get fd(): number {
    return this.#options.file.fd;
  }

  /** Whether it broke off: it is of no use to who comes now. */
  get isBroken(): boolean {
    return this.#ended.signal.aborted;
  }

  grownPast(count: number, isCautious: boolean): Awaitable<number> {
    const grownTo = this.#grownToFor(isCautious);
    if (this.#isWhole || grownTo > count) return grownTo;
    const growing = this.#awaitGrowth(count, isCautious);
    // A reader may have left by the time that it fails.
    growing.catch(() => undefined);
    return growing;
  }

  join(): void {
    this.#users += 1;
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.end(new Error('nobody follows it any more'));
    if (this.#successor !== undefined) await this.#options.leave(this.#successor);
    await this.#options.file.close().catch(() => undefined);
  }

  /** Who waits, and whoever reads on, fails with the reason. */
  end(reason: unknown): void {
    this.#ended.abort(reason);
  }

  #grownToFor(isCautious: boolean): number {
    if (this.#isWhole) return this.sizeBytes;
    return isCautious ? 0 : Math.min(this.#grownTo, this.sizeBytes - 1);
  }

  async #awaitGrowth(count: number, isCautious: boolean): Promise<number> {
    for (;;) {
      this.#ended.signal.throwIfAborted();
      // It goes on with the same file.
      if (this.#successor !== undefined) return await this.#successor.grownPast(count, isCautious);
      const grownTo = this.#grownToFor(isCautious);
      if (this.#isWhole || grownTo > count) return grownTo;
      await this.#looks.run('look', () => this.#look());
    }
  }

  async #look(): Promise<void> {
    try {
      const hasGrown = await this.#measure();
      this.#looksWithoutGrowth = hasGrown ? 0 : this.#looksWithoutGrowth + 1;
      if (this.#isWhole || hasGrown) return;
      if (this.#looksWithoutGrowth < LOOKS_TO_DOUBT) await this.#options.clock.sleep(LOOK_MS, this.#ended.signal);
      else await this.#goOnHere();
    } catch (error) {
      this.end(error);
      throw error;
    }
  }

  /** Whether there is more than before. */
  async #measure(): Promise<boolean> {
    const { size, nlink, mode } = await this.#options.file.stat();
    if (isVerified({ mode })) {
      if (size !== this.sizeBytes) throw this.#hasOtherSize(size);
      this.#isWhole = true;
    } else if (nlink === 0) throw this.#isGone();
    const hasGrown = size > this.#grownTo;
    this.#grownTo = size;
    return hasGrown;
  }

  async #goOnHere(): Promise<void> {
    const { file, takeOver, leave } = this.#options;
    this.#looksWithoutGrowth = 0;
    const successor = await takeOver(this.#ended.signal);
    if (successor === 'busy') return;
    if (successor === 'stored') {
      await this.#measure();
      if (this.#isWhole) return;
      throw this.#isGone();
    }
    try {
      // Who begins anew does so with another file.
      if (successor.fileId !== idOf(await file.stat({ bigint: true }))) throw this.#isGone();
      if (successor.sizeBytes !== this.sizeBytes) throw this.#hasOtherSize(successor.sizeBytes);
      this.#ended.signal.throwIfAborted();
      this.#successor = successor;
    } catch (error) {
      await leave(successor);
      throw error;
    }
  }

  #isGone(): Error {
    return new Error(`what another process had fetched of ${this.#options.digest} is not gone on with`);
  }

  #hasOtherSize(sizeBytes: number): Error {
    const { digest } = this.#options;
    return new Error(`${digest} has ${sizeBytes} bytes, and not ${this.sizeBytes}, as its source had said`);
  }
}
