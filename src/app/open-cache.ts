// What stands between the store and the upstreams while we serve: fetching, eviction, and who used what when.
import { systemClock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import { Fills } from '../content/filling/fills.ts';
import { StorageError } from '../content/storage-error.ts';
import type { Log } from '../observe/log.ts';
import { LastUse } from '../pull-through/last-use.ts';
import type { PullEvents } from '../pull-through/pull-events.ts';
import { PullThrough } from '../pull-through/pull-through.ts';
import type { StoredRegistry } from '../store/stored-registry.ts';
import { BackgroundEviction } from './background-eviction.ts';
import type { Store } from './open-store.ts';

export interface CacheOptions {
  readonly config: Pick<Config, 'dataFolder' | 'cache'>;
  readonly store: Store;
  readonly log: Log;
  readonly events: Omit<PullEvents, 'used'>;
}

/** To be disposed of before the store. */
export interface Cache extends AsyncDisposable {
  readonly fills: Fills;
  /** One for each configuration: it keeps the repositories of its upstreams. All share the fills. */
  pullThrough(registry: StoredRegistry): PullThrough;
}

/** Who starts a server waits for its first answers, not for its housekeeping. */
const EVICTION_DELAY_MS = 10_000;
const SWEEP_EVERY_MS = 3_600_000;

export async function openCache({ config, store, log, events }: CacheOptions): Promise<Cache> {
  await using opened = new AsyncDisposableStack();
  const { dataFolder, cache: limits } = config;
  const clock = systemClock;
  const delayMs = EVICTION_DELAY_MS;
  const eviction = opened.use(new BackgroundEviction({ dataFolder, limits, log, clock, delayMs }));
  const onLost = (error: unknown) => log.warn('uses lost', { error: String(error) });
  const { maxIdleMs } = limits;
  const lastUse = opened.use(new LastUse({ metadata: store.metadata, clock, maxIdleMs, onLost }));
  const fills = opened.use(
    new Fills({
      dataFolder,
      content: store.content,
      clock,
      onNotKept(digest, error) {
        if (error instanceof StorageError && error.code === 'STORAGE_FULL') eviction.evictNow();
        log.warn('blob not kept', { digest, error: String(error) });
      },
    }),
  );
  opened.use(sweepNowAndThen(fills, log));
  const told: PullEvents = {
    count: (...counted) => events.count(...counted),
    notKept: (...lost) => events.notKept(...lost),
    used: (repository, digest) => lastUse.used(repository, digest),
  };
  const pullThrough = (registry: StoredRegistry) => new PullThrough({ ...store, registry, fills, clock, events: told });
  const resources = opened.move();
  return { fills, pullThrough, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Removes what killed processes left of blobs that nobody wants any more. */
function sweepNowAndThen(fills: Fills, log: Log): AsyncDisposable {
  const stop = new AbortController();
  const sweep = async () => {
    while (!stop.signal.aborted) {
      await fills.sweep().catch((error: unknown) => log.warn('sweep failed', { error: String(error) }));
      await systemClock.sleep(SWEEP_EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const swept = sweep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await swept;
    },
  };
}
