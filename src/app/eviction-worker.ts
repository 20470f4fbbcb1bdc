// The thread of BackgroundEviction: its own connection to the metadata, so that nothing it does holds up a request.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../async/clock.ts';
import type { Eviction, EvictionLimits } from '../pull-through/eviction.ts';
import { EvictionRounds } from './background-eviction-rounds.ts';
import { openStore } from './open-store.ts';

export interface EvictionWork {
  readonly dataFolder: string;
  readonly limits: EvictionLimits;
  readonly intervalMs: number;
}

export type EvictionOrder = 'evict' | 'stop';
export type EvictionNews =
  | { readonly kind: 'round'; readonly eviction: Eviction; readonly tookMs: number }
  | { readonly kind: 'failed'; readonly error: string };

async function work({ dataFolder, limits, intervalMs }: EvictionWork): Promise<void> {
  const tell = (news: EvictionNews) => parentPort?.postMessage(news, []);
  const stop = new AbortController();
  await using store = await openStore(dataFolder);
  const rounds = new EvictionRounds({
    dataFolder,
    limits,
    store,
    clock: systemClock,
    intervalMs,
    signal: stop.signal,
    onEvicted: (eviction, tookMs) => tell({ kind: 'round', eviction, tookMs }),
    onFailed: (error) => tell({ kind: 'failed', error: String(error) }),
  });
  parentPort?.on('message', (order: EvictionOrder) => {
    if (order === 'evict') rounds.nudge();
    else stop.abort(new Error('the server is stopping'));
  });
  await rounds.run();
  parentPort?.close();
}

await work(workerData as EvictionWork);
