// The blobs that are on their way here, each fetched once, however many wait for it, in this process or in others.
import type { Clock } from '../../async/clock.ts';
import type { Digest } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import type { BlobStore } from '../blob-store.ts';
import { Fill } from './fill.ts';
import { type FillSource, whyNotSoLong } from './fill-source.ts';
import { FillingFolder } from './filling-folder.ts';
import { ForeignFill } from './foreign-fill.ts';
import { Opening } from './opening.ts';
import type { SharedFill } from './shared-fill.ts';

export interface FillsOptions {
  readonly dataFolder: string;
  readonly content: BlobStore;
  readonly clock: Clock;
  /** Told why a blob that was fetched is not kept. */
  readonly onNotKept: (digest: Digest, error: unknown) => void;
}

type FollowedFill = Fill | ForeignFill;
type FillOpening = Opening<FollowedFill | undefined>;

/** What nobody waits for any more goes on, as somebody will: up to so many, which have no more than this to come. */
const MAX_UNFOLLOWED = 16;
const MAX_UNFOLLOWED_BYTES = 8 * 1024 ** 3;
const WAIT_MS = 20;

/** Dispose of it to end them all; what came so far is gone on with by whoever wants it next. */
export class Fills implements AsyncDisposable {
  readonly #options: FillsOptions;
  readonly #folder: FillingFolder;
  readonly #openings = new Map<Digest, FillOpening>();
  /** Those that this process fetches, and those that it follows; it has joined each. */
  readonly #fills = new Map<Digest, FollowedFill>();
  readonly #followers = new Map<SharedFill, number>();
  /** What is still to be waited for before all is over. */
  readonly #endings = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: FillsOptions) {
    this.#options = options;
    this.#folder = new FillingFolder(options.dataFolder);
  }

  /** One that is on its way in this process. */
  running(digest: Digest): SharedFill | undefined {
    return this.#running(digest);
  }

  /** How many blobs are on their way, and how many of them nobody waits for any more. */
  get figures(): { readonly running: number; readonly unfollowed: number } {
    const fills = [...this.#fills.values()];
    const unfollowed = fills.filter((fill) => fill instanceof Fill && !this.#followers.has(fill));
    return { running: fills.length, unfollowed: unfollowed.length };
  }

  /** Resolves when one that broke off here is over, if there is one: whoever wants to know of its end knows by then. */
  async settled(digest: Digest): Promise<void> {
    const fill = this.#fills.get(digest);
    if (fill instanceof Fill && fill.isBroken) await fill.over;
  }

  /**
   * Joins the fill of the blob, or begins one; `undefined` when another process has just brought it. Rejects with what the
   * source says, with the signal's reason, or with StorageError. Whoever is given one calls `leave` with it, once.
   */
  async follow(digest: Digest, source: FillSource, signal: AbortSignal): Promise<SharedFill | undefined> {
    signal.throwIfAborted();
    this.#stop.signal.throwIfAborted();
    const running = this.#running(digest);
    if (running !== undefined) {
      this.#join(running, 1);
      return running;
    }
    const known = this.#openings.get(digest);
    const opening = known?.isOpen === true ? known : this.#begin(digest, source, known?.settled);
    return await opening.wait(signal);
  }

  async leave(fill: SharedFill): Promise<void> {
    const followers = (this.#followers.get(fill) ?? 1) - 1;
    if (followers > 0) this.#followers.set(fill, followers);
    else {
      this.#followers.delete(fill);
      this.#boundUnfollowed(fill);
    }
    await fill.leave();
  }

  /** Removes what killed processes left, and nobody wanted since. */
  async sweep(): Promise<void> {
    await this.#folder.sweep(this.#options.clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new Error('the server is stopping');
    this.#stop.abort(reason);
    for (const opening of this.#openings.values()) opening.end(reason);
    for (const fill of this.#fills.values()) end(fill, reason);
    while (this.#endings.size > 0) await Promise.all(this.#endings);
  }

  #running(digest: Digest): FollowedFill | undefined {
    const fill = this.#fills.get(digest);
    return fill?.isBroken === true ? undefined : fill;
  }

  #join(fill: FollowedFill, followers: number): void {
    for (let joined = 0; joined < followers; joined += 1) fill.join();
    if (followers > 0) this.#followers.set(fill, (this.#followers.get(fill) ?? 0) + followers);
    else this.#boundUnfollowed(fill);
  }

  #begin(digest: Digest, source: FillSource, before: Promise<void> | undefined): FillOpening {
    const opening: FillOpening = new Opening(
      async (signal) => {
        await before;
        return await this.#open(digest, source, signal);
      },
      (fill, waiters) => fill && this.#join(fill, waiters),
    );
    this.#openings.set(digest, opening);
    const forget = () => void (this.#openings.get(digest) === opening && this.#openings.delete(digest));
    this.#awaitAtEnd(opening.settled.then(forget));
    return opening;
  }

  async #open(digest: Digest, source: FillSource, signal: AbortSignal): Promise<FollowedFill | undefined> {
    const broken = this.#fills.get(digest);
    if (broken instanceof Fill) await broken.over;
    for (;;) {
      signal.throwIfAborted();
      const led = await this.#tryToLead(digest, source, signal);
      if (led === 'stored') return undefined;
      if (led !== 'busy') return led;
      const foreign = await this.#tryToFollow(digest, source, signal);
      if (foreign !== undefined) return foreign;
      await this.#options.clock.sleep(WAIT_MS, signal);
    }
  }

  async #tryToLead(digest: Digest, source: FillSource, signal: AbortSignal): Promise<Fill | 'busy' | 'stored'> {
    const lock = this.#folder.lock(digest);
    if (lock === undefined) return 'busy';
    const { content, onNotKept } = this.#options;
    const onError = (error: unknown) => onNotKept(digest, error);
    using unlock = new DisposableStack();
    unlock.use(lock);
    // Who had the lock before may have brought it, or been killed just before.
    if ((await content.stat(digest)) !== undefined || (await this.#adoptVerified(digest))) return 'stored';
    const fill = await Fill.open(digest, { folder: this.#folder, content, onError, source, lock, signal });
    unlock.move();
    this.#fills.set(digest, fill);
    this.#awaitAtEnd(this.#forgetAtEnd(fill));
    if (this.#stop.signal.aborted) fill.abort(this.#stop.signal.reason);
    return fill;
  }

  async #forgetAtEnd(fill: Fill): Promise<void> {
    const { digest } = fill;
    const error = await fill.over;
    if (this.#fills.get(digest) === fill) this.#fills.delete(digest);
    if (error !== undefined) this.#options.onNotKept(digest, error);
    await fill.leave();
  }

  /** It is hashed again: what it was flushed with, a power cut may have taken. */
  async #adoptVerified(digest: Digest): Promise<boolean> {
    if (!(await this.#folder.isVerified(digest))) return false;
    try {
      await this.#options.content.adopt(digest, this.#folder.partOf(digest));
      return true;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      await this.#folder.removePart(digest);
      return false;
    }
  }

  async #tryToFollow(digest: Digest, source: FillSource, signal: AbortSignal): Promise<ForeignFill | undefined> {
    const file = await this.#folder.attempt(() => ForeignFill.openFile(this.#folder.partOf(digest)));
    if (file === undefined) return undefined;
    await using close = new AsyncDisposableStack();
    close.use(file);
    // Until something has come, the other's source may still say that there is nothing.
    if ((await file.stat()).size === 0) return undefined;
    const sizeBytes = await sizeOf(digest, source);
    signal.throwIfAborted();
    close.move();
    const { clock } = this.#options;
    const takeOver = async (whileFollowed: AbortSignal) => {
      const led = await this.#tryToLead(digest, source, whileFollowed);
      if (led instanceof Fill) this.#join(led, 1);
      return led;
    };
    const leave = (successor: Fill) => this.leave(successor);
    const fill = new ForeignFill({ digest, file, sizeBytes, clock, takeOver, leave });
    this.#fills.set(digest, fill);
    return fill;
  }

  #awaitAtEnd(ending: Promise<void>): void {
    this.#endings.add(ending);
    void ending.finally(() => this.#endings.delete(ending));
  }

  /** Many who begin and leave must not make us fetch without end. */
  #boundUnfollowed(fill: SharedFill): void {
    if (fill instanceof ForeignFill) {
      for (const [digest, known] of this.#fills) if (known === fill) this.#fills.delete(digest);
      void fill.leave();
    } else if (fill instanceof Fill && this.#hasTooManyUnfollowed()) {
      fill.abort(new Error('nobody waits for it any more, and too much else is on its way'));
    }
  }

  #hasTooManyUnfollowed(): boolean {
    const fills = [...this.#fills.values()].filter((fill) => fill instanceof Fill);
    const unfollowed = fills.filter((fill) => !this.#followers.has(fill));
    const leftBytes = unfollowed.reduce((sum, fill) => sum + fill.leftBytes, 0);
    return unfollowed.length > MAX_UNFOLLOWED || leftBytes > MAX_UNFOLLOWED_BYTES;
  }
}

async function sizeOf(digest: Digest, source: FillSource): Promise<number> {
  const blob = await source.stat();
  if (blob === undefined) throw new OciError('BLOB_UNKNOWN', `there is no blob ${digest} where it was looked for`);
  const refusal = whyNotSoLong(digest, blob.sizeBytes);
  if (refusal !== undefined) throw new Error(refusal);
  return blob.sizeBytes;
}

function end(fill: FollowedFill, reason: unknown): void {
  if (fill instanceof Fill) fill.abort(reason);
  else fill.end(reason);
}
