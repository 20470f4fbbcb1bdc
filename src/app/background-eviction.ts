import { Worker } from 'node:worker_threads';
import type { Clock } from '../async/clock.ts';
import type { Log } from '../observe/log.ts';
import type { Eviction, EvictionLimits } from '../pull-through/eviction.ts';
import type { EvictionNews, EvictionOrder, EvictionWork } from './eviction-worker.ts';

export interface BackgroundEvictionOptions {
  readonly dataFolder: string;
  readonly limits: EvictionLimits;
  readonly log: Log;
  readonly clock: Clock;
  /** A minute where nothing is said. */
  readonly intervalMs?: number | undefined;
  /** Before the first round; none where nothing is said. */
  readonly delayMs?: number | undefined;
  /** Told of each round, also of one that found nothing to do. */
  readonly onRound?: ((eviction: Eviction) => void) | undefined;
}

const INTERVAL_MS = 60_000;
/** From the source, or from what was compiled of it. */
const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('./eviction-worker.ts', import.meta.url)
  : new URL('./eviction-worker.js', import.meta.url);

/**
 * Evicts in a thread of its own, after the delay and then every minute, until it is disposed of, which waits for what it
 * is at. Whatever fails in it is logged and tried again.
 */
export class BackgroundEviction implements AsyncDisposable {
  readonly #options: BackgroundEvictionOptions;
  readonly #stop = new AbortController();
  readonly #begin = new AbortController();
  readonly #over: Promise<void>;
  #worker: Worker | undefined;

  constructor(options: BackgroundEvictionOptions) {
    this.#options = options;
    this.#over = this.#run();
  }

  /** For when the disk is nearly full: does not wait for the next minute. Returns at once. */
  evictNow(): void {
    this.#begin.abort();
    this.#send('evict');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#send('stop');
    await this.#over;
  }

  /** A thread that ends by itself, as one does that cannot open the store, is followed by another. */
  async #run(): Promise<void> {
    const { clock, intervalMs = INTERVAL_MS, delayMs = 0 } = this.#options;
    const isDue = AbortSignal.any([this.#stop.signal, this.#begin.signal]);
    if (delayMs > 0) await clock.sleep(delayMs, isDue).catch(() => undefined);
    while (!this.#stop.signal.aborted) {
      await this.#runThread();
      await clock.sleep(intervalMs, this.#stop.signal).catch(() => undefined);
    }
  }

  #runThread(): Promise<void> {
    const { dataFolder, limits, intervalMs = INTERVAL_MS } = this.#options;
    const workerData: EvictionWork = { dataFolder, limits, intervalMs };
    const worker = new Worker(WORKER, { workerData });
    this.#worker = worker;
    worker.on('message', (news: EvictionNews) => this.#hear(news));
    worker.on('error', (error) => this.#hear({ kind: 'failed', error: String(error) }));
    return new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined;
        resolve();
      });
    });
  }

  #hear(news: EvictionNews): void {
    const { log, onRound } = this.#options;
    if (news.kind === 'failed') {
      log.error('eviction failed', { error: news.error });
      return;
    }
    const { manifests, blobs, sizeBytes, freedBytes } = news.eviction;
    const { idle, age, size, pressure } = manifests;
    const isIdleRound = idle + age + size + pressure + blobs + freedBytes === 0;
    const ms = Math.round(news.tookMs);
    if (!isIdleRound)
      log.info('evicted', { idle, age, size, pressure, blobs, bytes: sizeBytes, freed: freedBytes, ms });
    onRound?.(news.eviction);
  }

  #send(order: EvictionOrder): void {
    this.#worker?.postMessage(order);
  }
}
