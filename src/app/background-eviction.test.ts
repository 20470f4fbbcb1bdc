import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { image } from '../../test/support/image-graph.ts';
import { systemClock } from '../async/clock.ts';
import type { Log, LogFields } from '../observe/log.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { readManifest } from '../oci/manifest.ts';
import type { Eviction, EvictionLimits } from '../pull-through/eviction.ts';
import { newManifest } from '../store/new-manifest.ts';
import { BackgroundEviction } from './background-eviction.ts';
import { openStore } from './open-store.ts';

const NGINX = parseRepositoryName('library/nginx');
const NO_LIMITS: EvictionLimits = { maxSizeBytes: Infinity, maxIdleMs: Infinity, maxAgeMs: Infinity, minFreeBytes: 0 };
const HOUR_MS = 3_600_000;

let dataFolder: string;
let lines: [level: string, message: string, fields: LogFields | undefined][];

beforeEach(() => {
  dataFolder = mkdtempSync(path.join(tmpdir(), 'wharf-eviction-'));
  lines = [];
});
afterEach(() => rmSync(dataFolder, { recursive: true, force: true }));

const at = (level: string) => (message: string, fields?: LogFields) => void lines.push([level, message, fields]);
const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };

/** An eviction whose rounds can be waited for. */
function start(limits: Partial<EvictionLimits>, intervalMs = HOUR_MS) {
  const rounds: Eviction[] = [];
  let heard = Promise.withResolvers<void>();
  const onRound = (eviction: Eviction) => {
    rounds.push(eviction);
    heard.resolve();
    heard = Promise.withResolvers();
  };
  const options = { dataFolder, limits: { ...NO_LIMITS, ...limits }, log, clock: systemClock, intervalMs, onRound };
  const eviction = new BackgroundEviction(options);
  const round = async (nth: number) => {
    while (rounds.length < nth) await heard.promise;
  };
  return { eviction, round };
}

async function cacheImage(): Promise<void> {
  await using store = await openStore(dataFolder);
  const { manifest, blobs } = image('app');
  const options = { upstream: 'docker.io', mayLack: 'anything', tags: [parseTag('latest')] } as const;
  await store.metadata.putManifest(NGINX, newManifest(manifest, readManifest(manifest.bytes).content), options);
  for (const { digest, sizeBytes, parts } of blobs) {
    const ingest = await store.content.begin();
    for (const part of parts) await ingest.append(part);
    await ingest.commit(digest);
    await store.metadata.addBlob(NGINX, { digest, sizeBytes });
  }
}

test('a round evicts beside whoever else has the store open, and logs what it did', async () => {
  await cacheImage();
  await using store = await openStore(dataFolder);
  const { eviction, round } = start({ maxAgeMs: -1 });
  await using _ = eviction;
  await round(1);
  expect(await store.metadata.resolveTag(NGINX, parseTag('latest'))).toBeUndefined();
  // Their blobs came within the hour.
  const fields = {
    idle: 0,
    age: 1,
    size: 0,
    pressure: 0,
    blobs: 0,
    bytes: 0,
    freed: 0,
    ms: expect.any(Number) as number,
  };
  expect(lines).toEqual([['info', 'evicted', fields]]);
});

test('a round that has nothing to do says nothing, and another can be asked for', async () => {
  const { eviction, round } = start({});
  await using _ = eviction;
  await round(1);
  eviction.evictNow();
  await round(2);
  expect(lines).toEqual([]);
});

test('what fails is logged and tried again, and can be ended', async () => {
  const blocked = path.join(dataFolder, 'blobs-v1');
  writeFileSync(blocked, 'no folder');
  const { eviction, round } = start({}, 10);
  await using _ = eviction;
  while (lines.length === 0) await systemClock.sleep(5);
  expect(lines[0]).toEqual(['error', 'eviction failed', { error: expect.stringContaining('blobs-v1') as string }]);
  expect(readFileSync(blocked, 'utf8')).toBe('no folder');
  rmSync(blocked);
  await round(1);
});

test('ending it before its thread is up ends it', async () => {
  const { eviction } = start({});
  await eviction[Symbol.asyncDispose]();
  expect(lines).toEqual([]);
});
