// What the eviction's thread does, without the thread: a round now and then, and one that somebody asks for.
import path from 'node:path';
import { statfs } from 'node:fs/promises';
import type { Clock } from '../async/clock.ts';
import { FileLock } from '../database/file-lock.ts';
import { type Eviction, type EvictionLimits, type EvictionParts, evict } from '../pull-through/eviction.ts';

export interface EvictionRoundsOptions {
  readonly dataFolder: string;
  readonly limits: EvictionLimits;
  readonly store: EvictionParts;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  readonly onEvicted: (eviction: Eviction, tookMs: number) => void;
  readonly onFailed: (error: unknown) => void;
}

const SWEEP_EVERY_MS = 3_600_000;
const PAUSE_MS = 2;
/** A round of a large store takes a while: no more than this part of the time goes into them. */
const SHARE = 1 / 20;
const FREE_SHARE = 1 / 50;
const MAX_FREE_BYTES = 1024 ** 3;

export class EvictionRounds {
  readonly #options: EvictionRoundsOptions;
  #nextSweepMs = -Infinity;
  #nudge = new AbortController();

  constructor(options: EvictionRoundsOptions) {
    this.#options = options;
  }

  /** The next round begins as soon as the present one is over, and others have had as long for theirs. */
  nudge(): void {
    this.#nudge.abort();
  }

  /** Until the signal aborts. Never rejects: the next round may do what one could not. */
  async run(): Promise<void> {
    const { clock, intervalMs, signal } = this.#options;
    while (!signal.aborted) {
      this.#nudge = new AbortController();
      const startedMs = clock.monotonic();
      await this.#round().catch((error: unknown) => {
        if (!signal.aborted) this.#options.onFailed(error);
      });
      const tookMs = clock.monotonic() - startedMs;
      // Whoever asks for rounds without end has half of the time.
      await clock.sleep(tookMs, signal).catch(() => undefined);
      const woken = AbortSignal.any([signal, this.#nudge.signal]);
      await clock.sleep(Math.max(intervalMs, tookMs / SHARE) - tookMs, woken).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const { dataFolder, limits, store, clock, signal, onEvicted } = this.#options;
    using lock = FileLock.take(path.join(dataFolder, 'gc.lock'));
    // A `wharf gc` is at work. The next round comes when it is done.
    if (lock === undefined) return;
    const startedMs = clock.monotonic();
    const minFreeBytes = limits.minFreeBytes ?? (await usualFreeBytes(dataFolder));
    const sweep = startedMs >= this.#nextSweepMs;
    const eviction = await evict(
      store,
      { ...limits, minFreeBytes },
      { sweep, signal, pause: () => clock.sleep(PAUSE_MS), freeBytes: () => freeBytesOf(dataFolder) },
    );
    if (sweep) this.#nextSweepMs = startedMs + SWEEP_EVERY_MS;
    onEvicted(eviction, clock.monotonic() - startedMs);
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bsize, bavail } = await statfs(folder);
  return bsize * bavail;
}

/** A fiftieth of the disk, but no more than a GiB. */
async function usualFreeBytes(folder: string): Promise<number> {
  const { bsize, blocks } = await statfs(folder);
  return Math.min(MAX_FREE_BYTES, bsize * blocks * FREE_SHARE);
}
