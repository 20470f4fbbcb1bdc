// What was fetched goes again, so that there is room for what is wanted now; whoever asks for it later has it fetched
// once more. What was pushed, what a pinned tag needs and what is leased stays.
import { setImmediate } from 'node:timers/promises';
import type { BlobStore } from '../content/blob-store.ts';
import type { EvictableManifest, EvictionRule } from '../metadata/housekeeping.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { Digest } from '../oci/digest.ts';
import {
  bringBackNeededBlobs,
  deleteBlobs,
  deleteUnreferencedBlobs,
  forgetUnnamedBlobs,
} from '../store/collect-garbage-blobs.ts';
import { type Collection, inTurns, nothingCollected, scanInTurns } from '../store/collection.ts';

export interface EvictionParts {
  readonly metadata: MetadataStore;
  readonly content: BlobStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface EvictionLimits {
  /** `Infinity`: no bound. Of what `cachedBytes` counts. */
  readonly maxSizeBytes: number;
  /** `Infinity`: never. */
  readonly maxIdleMs: number;
  /** `Infinity`: never. */
  readonly maxAgeMs: number;
  /** So much of the disk is to be free, whatever fills it; 0 where nothing is said. */
  readonly minFreeBytes?: number | undefined;
}

export interface EvictionOptions {
  /** What the disk has left. Without it the disk is not looked at. */
  readonly freeBytes?: (() => Promise<number>) | undefined;
  /** Whether blobs are looked for, too, that no manifest names: that goes through all there are. */
  readonly sweep?: boolean | undefined;
  /** Is waited for after each transaction, so that other processes have their turn at the database. */
  readonly pause?: (() => Promise<unknown>) | undefined;
  /** Ends the eviction after the manifests and blobs that it is at. */
  readonly signal?: AbortSignal | undefined;
}

/** Why a manifest went. */
type EvictionReason = 'idle' | 'age' | 'size' | 'pressure';

export interface Eviction {
  readonly manifests: Readonly<Record<EvictionReason, number>>;
  /** Those whose bytes went, also of no manifest. */
  readonly blobs: number;
  readonly sizeBytes: number;
  /** What the disk has got back: less where a blob waits in the trash, more where one had waited there before. */
  readonly freedBytes: number;
}

interface Round {
  readonly collection: Collection;
  readonly manifests: Record<EvictionReason, number>;
  /** Blobs that no manifest names since this round, and that have not been let go of yet. */
  readonly unnamed: Digest[];
  freedBytes: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MANIFESTS_A_TURN = 10;
const BLOBS_A_TURN = 50;
const BLOBS_MEASURED_A_PAGE = 1_000;
/** After so many blobs what is in the trash is freed, where room is needed. */
const BLOBS_BETWEEN_FREEING = 500;

/**
 * First goes what was not used, or is here, for too long; then the longest unused, until the cache is small enough and
 * the disk has room again. What was put within the hour is not taken for room: who fetches it is still at it, and its
 * blobs are leased. A blob that is leased when its last manifest goes is out of the account at once, and its bytes go
 * with a later sweep. Bytes that go for room are freed at once, all others an hour later: readers that have them open
 * read on. To be run beside a server, and beside no other eviction or collection: the caller sees to it.
 */
export async function evict(
  { metadata, content, now }: EvictionParts,
  limits: EvictionLimits,
  { freeBytes, sweep = false, pause = setImmediate, signal }: EvictionOptions = {},
): Promise<Eviction> {
  const startedAtMs = now();
  const before = startedAtMs - HOUR_MS;
  const collected = nothingCollected();
  const collection = { metadata, content, now, startedAtMs, before, collected, pause, signal };
  const round: Round = {
    collection,
    manifests: { idle: 0, age: 0, size: 0, pressure: 0 },
    unnamed: [],
    freedBytes: 0,
  };
  // After this nothing is in the trash that anybody needs.
  await bringBackNeededBlobs(collection);
  const shortfall = async () => (freeBytes === undefined ? 0 : (limits.minFreeBytes ?? 0) - (await freeBytes()));
  const isPressed = (await shortfall()) > 0;
  if (isPressed) await freeTrash(round);
  await evictWhere(round, 'idle', { order: 'use', before: startedAtMs - limits.maxIdleMs });
  await evictWhere(round, 'age', { order: 'age', before: startedAtMs - limits.maxAgeMs });
  if (sweep || isPressed) await sweepUnnamed(round, isPressed ? HOUR_MS : unnamedForMs(limits));
  const excessBytes = limits.maxSizeBytes === Infinity ? 0 : (await cachedBytes(collection)) - limits.maxSizeBytes;
  await evictForRoom(round, 'size', excessBytes);
  if (isPressed) {
    await freeTrash(round);
    await evictForRoom(round, 'pressure', await shortfall());
  }
  round.freedBytes += (await content.emptyTrash(new Date(before))).sizeBytes;
  const { blobs, sizeBytes } = collected;
  return { manifests: round.manifests, blobs, sizeBytes, freedBytes: round.freedBytes };
}

/** A push has a day from its first blob to the manifest that names it, as its uploads have. */
function unnamedForMs({ maxIdleMs }: EvictionLimits): number {
  return Math.max(HOUR_MS, Math.min(maxIdleMs, DAY_MS));
}

async function cachedBytes(collection: Collection): Promise<number> {
  const { metadata, signal, pause } = collection;
  let sum = 0;
  for (let after: string | undefined; ;) {
    const { sizeBytes, next } = await metadata.cachedBytes({ after, limit: BLOBS_MEASURED_A_PAGE });
    sum += sizeBytes;
    if (next === undefined) return sum;
    after = next;
    signal?.throwIfAborted();
    await pause();
  }
}

async function evictWhere(round: Round, why: EvictionReason, rule: EvictionRule): Promise<void> {
  if (rule.before > -Infinity) await evictEach(round, why, { rule, manifestsATurn: MANIFESTS_A_TURN });
  await freeUnnamed(round);
}

/** One after the other, the longest unused first, until so much is out of the account. */
async function evictForRoom(round: Round, why: EvictionReason, neededBytes: number): Promise<void> {
  if (neededBytes <= 0) return;
  const { startedAtMs, before } = round.collection;
  const rule = { order: 'use', before: startedAtMs, putBefore: before } as const;
  await evictEach(round, why, { rule, manifestsATurn: 1, neededBytes, isForRoom: true });
  await freeUnnamed(round);
  await freeTrash(round);
}

interface Evicting {
  readonly rule: EvictionRule;
  readonly manifestsATurn: number;
  readonly neededBytes?: number | undefined;
  readonly isForRoom?: boolean | undefined;
}

/** Once more where something went: it may have kept what was looked at before. */
async function evictEach(round: Round, why: EvictionReason, evicting: Evicting): Promise<void> {
  const { collection } = round;
  const { rule, manifestsATurn, neededBytes = Infinity } = evicting;
  for (let goneBytes = 0, known = -1; known < round.manifests[why] && goneBytes < neededBytes;) {
    known = round.manifests[why];
    const found = scanInTurns((page) => collection.metadata.evictableManifests(rule, page), collection, manifestsATurn);
    for await (const manifests of found) {
      goneBytes += await evictWithOrphans(round, why, { ...evicting, manifests, neededBytes: neededBytes - goneBytes });
      if (goneBytes >= neededBytes) break;
    }
  }
}

/** The children of an index follow it at once, as far as they are as old: they are older than what comes next. */
async function evictWithOrphans(
  round: Round,
  why: EvictionReason,
  {
    rule,
    manifests,
    manifestsATurn,
    neededBytes,
    isForRoom = false,
  }: Evicting & {
    readonly manifests: readonly EvictableManifest[];
    readonly neededBytes: number;
  },
): Promise<number> {
  const { collection } = round;
  const { metadata, before, pause } = collection;
  const reachedMs = Math.max(...manifests.map(({ atMs }) => atMs));
  let goneBytes = 0;
  for (const next = [...manifests]; next.length > 0 && goneBytes < neededBytes;) {
    const some = next.splice(0, manifestsATurn);
    const evicted = await metadata.evictManifests(some, rule, before);
    round.manifests[why] += evicted.manifests;
    goneBytes += evicted.sizeBytes;
    round.unnamed.push(...evicted.blobs);
    next.unshift(...evicted.orphans.filter(({ atMs }) => atMs <= reachedMs));
    if (round.unnamed.length >= BLOBS_A_TURN) await freeUnnamed(round, isForRoom);
    if (next.length > 0) await pause();
    collection.signal?.throwIfAborted();
  }
  return goneBytes;
}

/** But for what is leased, what is being uploaded, and what a repository was given within the hour. */
async function freeUnnamed(round: Round, isForRoom = false): Promise<void> {
  const { collection, unnamed } = round;
  const { metadata, before, collected, pause } = collection;
  for await (const digests of inTurns(unnamed.splice(0), collection)) {
    const blobsBefore = collected.blobs;
    await deleteBlobs(collection, await metadata.forgetBlobs(digests, before));
    const isDue = Math.floor(collected.blobs / BLOBS_BETWEEN_FREEING) > Math.floor(blobsBefore / BLOBS_BETWEEN_FREEING);
    if (isForRoom && isDue) await freeTrash(round);
    await pause();
  }
}

async function sweepUnnamed(round: Round, olderThanMs: number): Promise<void> {
  const collection = { ...round.collection, before: round.collection.startedAtMs - olderThanMs };
  await deleteUnreferencedBlobs(collection);
  await forgetUnnamedBlobs(collection);
}

/**
 * All of it: nobody else moves anything there now, and what this eviction did was asked for again afterwards, whether
 * anybody needs it. Only who is killed in between needs the hour.
 */
async function freeTrash(round: Round): Promise<void> {
  const { content, now } = round.collection;
  round.freedBytes += (await content.emptyTrash(new Date(now() + 1))).sizeBytes;
}
