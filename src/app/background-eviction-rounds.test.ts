import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { FileLock } from '../database/file-lock.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { Eviction, EvictionLimits } from '../pull-through/eviction.ts';
import { EvictionRounds } from './background-eviction-rounds.ts';

const NO_LIMITS: EvictionLimits = { maxSizeBytes: Infinity, maxIdleMs: Infinity, maxAgeMs: Infinity, minFreeBytes: 0 };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Tells of the pauses between rounds, which are longer than those within. */
class RoundClock extends FakeClock {
  readonly pausesMs: number[] = [];
  onPause: (nth: number) => void = () => undefined;

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return;
    signal.throwIfAborted();
    if (ms >= 1000) {
      this.pausesMs.push(ms);
      this.onPause(this.pausesMs.length);
    }
    signal.throwIfAborted();
    this.advance(ms);
  }
}

let dataFolder: string;
let clock: RoundClock;
let metadata: SqliteMetadataStore;
let content: MemoryBlobStore;

beforeEach(async () => {
  dataFolder = mkdtempSync(path.join(tmpdir(), 'wharf-rounds-'));
  clock = new RoundClock();
  metadata = await SqliteMetadataStore.inMemory({ clock });
  content = new MemoryBlobStore({ now: () => clock.now() });
});
afterEach(async () => {
  await metadata[Symbol.asyncDispose]();
  rmSync(dataFolder, { recursive: true });
});

/** Runs rounds until so many pauses; `onPause` is told of each, by its number. */
async function run(pauses: number, onPause: (nth: number, rounds: EvictionRounds) => void = () => undefined) {
  const stop = new AbortController();
  const done: Eviction[] = [];
  const failures: unknown[] = [];
  const rounds = new EvictionRounds({
    dataFolder,
    limits: NO_LIMITS,
    store: { metadata, content, now: () => clock.now() },
    clock,
    intervalMs: MINUTE_MS,
    signal: stop.signal,
    onEvicted: (eviction) => done.push(eviction),
    onFailed: (error) => failures.push(error),
  });
  clock.onPause = (nth) => {
    onPause(nth, rounds);
    if (nth >= pauses) stop.abort(new Error('enough'));
  };
  await rounds.run();
  return { done, failures };
}

test('there is a round at once, and then one a minute', async () => {
  expect((await run(3)).done).toHaveLength(3);
  expect(clock.pausesMs).toEqual([MINUTE_MS, MINUTE_MS, MINUTE_MS]);
});

test('no round begins while a wharf gc is at work', async () => {
  const lock = FileLock.take(path.join(dataFolder, 'gc.lock'));
  const { done, failures } = await run(3, (nth) => {
    if (nth === 2) lock?.[Symbol.dispose]();
  });
  expect(done).toHaveLength(1);
  expect(failures).toEqual([]);
});

test('no more than a twentieth of the time goes into rounds', async () => {
  const bringBack = content.listTrash.bind(content);
  content.listTrash = () => {
    clock.advance(10 * MINUTE_MS);
    return bringBack();
  };
  await run(4);
  expect(clock.pausesMs).toEqual([10, 190, 10, 190].map((minutes) => minutes * MINUTE_MS));
});

test('who asks for a round does not wait for the next minute', async () => {
  const { done } = await run(4, (nth, rounds) => {
    if (nth < 3) rounds.nudge();
  });
  expect(done).toHaveLength(4);
  expect(clock.elapsedMs).toBe(MINUTE_MS);
});

test('once an hour a round looks for blobs of no manifest, and a failed one is tried again', async () => {
  const swept: number[] = [];
  const startMs = clock.now();
  const unreferencedBlobs = metadata.unreferencedBlobs.bind(metadata);
  metadata.unreferencedBlobs = async (before, page) => {
    swept.push((clock.now() - startMs) / MINUTE_MS);
    if (swept.length === 1) throw new Error('the disk fails');
    return await unreferencedBlobs(before, page);
  };
  await metadata.addBlob(parseRepositoryName('app'), { digest: digestOf('a'), sizeBytes: 1 });
  const { failures } = await run(HOUR_MS / MINUTE_MS + 3);
  expect(swept).toEqual([0, 1, 61]);
  expect(failures.map(String)).toEqual(['Error: the disk fails']);
});
