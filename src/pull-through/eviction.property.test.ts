// Random caches, beside what was pushed, pinned and leased, under random limits; a plain model says what may go.
import { deepEqual, equal, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { blob, image, index } from '../../test/support/metadata/content.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import type { NewManifest } from '../metadata/metadata-store.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import type { Digest } from '../oci/digest.ts';
import { type RepositoryName, parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type EvictionLimits, evict } from './eviction.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const repositories = ['a', 'b'].map(parseRepositoryName);
const tag = parseTag('latest');
const texts = [3, 20, 100, 500, 2_000].map((sizeBytes) => 'x'.repeat(sizeBytes));
const blobs = texts.map(blob);
const images = [[0, 1], [1, 2], [2, 3, 4], [4], [0, 3], []].map((some, nth) =>
  image(
    `image ${nth}`,
    some.map((at) => blobs[at]!),
  ),
);
const inner = index('inner', [images[0]!.digest, images[1]!.digest]);
/** Children before the indexes that name them. */
const manifests = [...images, inner, index('outer', [inner.digest, images[2]!.digest])];

const world = fc.record({
  put: fc.array(
    fc.record({
      repository: fc.nat(1),
      manifest: fc.nat(manifests.length - 1),
      isPushed: fc.nat(7).map((dice) => dice === 0),
      /** Of its blobs, those that came. */
      came: fc.subarray([...blobs.keys()], { minLength: 2 }),
      isTagged: fc.nat(5).map((dice) => dice === 0),
      minutesLater: fc.nat(40),
    }),
    { maxLength: 14 },
  ),
  used: fc.array(
    fc.record({ repository: fc.nat(1), manifest: fc.nat(manifests.length - 1), minutesLater: fc.nat(40) }),
    { maxLength: 6 },
  ),
  pinned: fc.subarray([...repositories.keys()]),
  leasedManifests: fc.subarray([...manifests.keys()], { maxLength: 2 }),
  leasedBlobs: fc.subarray([...blobs.keys()], { maxLength: 2 }),
  limits: fc.record({
    maxSizeBytes: fc.constantFrom(0, 100, 600, 2_200, Infinity),
    maxIdleMs: fc.constantFrom(90 * MINUTE_MS, 4 * HOUR_MS, Infinity),
    maxAgeMs: fc.constantFrom(3 * HOUR_MS, Infinity),
  }),
  sweep: fc.boolean(),
});
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

interface Held {
  readonly repository: RepositoryName;
  readonly manifest: NewManifest;
  isPushed: boolean;
  putMs: number;
  usedMs: number;
}

class Model {
  readonly held = new Map<string, Held>();
  readonly given = new Set<string>();
  readonly tags = new Map<RepositoryName, Digest>();
  readonly pinned = new Set<RepositoryName>();
  readonly leased = new Set<Digest>();

  parentsOf(repository: RepositoryName, { digest }: NewManifest): Held[] {
    return [...this.held.values()].filter(
      (other) => other.repository === repository && other.manifest.manifests.includes(digest),
    );
  }

  /** A child that is not here, or not yet, renews its indexes all the same. */
  use(repository: RepositoryName, manifest: NewManifest, atMs: number): void {
    const held = this.held.get(key(repository, manifest));
    if (held !== undefined) held.usedMs = Math.max(held.usedMs, atMs);
    for (const parent of this.parentsOf(repository, manifest)) this.use(repository, parent.manifest, atMs);
  }

  /** Of what keeps a manifest here forever, itself or an index above it. */
  stays(held: Held): boolean {
    const isPinned = this.pinned.has(held.repository) && this.tags.get(held.repository) === held.manifest.digest;
    return (
      held.isPushed || isPinned || this.parentsOf(held.repository, held.manifest).some((parent) => this.stays(parent))
    );
  }

  isFree(held: Held): boolean {
    const { digest } = held.manifest;
    return !this.stays(held) && !this.leased.has(digest) && this.parentsOf(held.repository, held.manifest).length === 0;
  }
}

const key = (repository: RepositoryName, { digest }: { readonly digest: Digest }) => `${repository}@${digest}`;

class Cache {
  readonly model = new Model();
  readonly clock: FakeClock;
  readonly content = new MemoryBlobStore({ now: () => this.clock.now() });
  readonly metadata: SqliteMetadataStore;

  constructor(metadata: SqliteMetadataStore, clock: FakeClock) {
    this.metadata = metadata;
    this.clock = clock;
  }

  async fill({ put, used, pinned, leasedManifests, leasedBlobs }: World): Promise<void> {
    const childrenFirst = put.toSorted((one, other) => one.manifest - other.manifest);
    for (const each of childrenFirst) await this.#put(each);
    for (const { repository, manifest, minutesLater } of used) {
      this.clock.advance(minutesLater * MINUTE_MS);
      const [name, one] = [repositories[repository]!, manifests[manifest]!];
      await this.metadata.markUsed([{ repository: name, digest: one.digest }], this.clock.now());
      this.model.use(name, one, this.clock.now());
    }
    for (const nth of pinned) {
      await this.metadata.pin({ repository: repositories[nth]!, tag, job: 'job' });
      this.model.pinned.add(repositories[nth]!);
    }
    const leased = [...leasedManifests.map((at) => manifests[at]!), ...leasedBlobs.map((at) => blobs[at]!)];
    for (const { digest } of leased) this.model.leased.add(digest);
    await this.metadata.lease([...this.model.leased], this.clock.now() + 24 * HOUR_MS);
  }

  /** What is named and here, each once, but for what stays. */
  sizeOf(held: readonly Held[]): number {
    const isNamed = (by: readonly Held[], { digest }: { readonly digest: Digest }) =>
      by.some(({ manifest }) => manifest.blobs.some((one) => one.digest === digest));
    const staying = held.filter((one) => this.model.stays(one));
    const isHere = (one: (typeof blobs)[number]) =>
      repositories.some((repository) => this.model.given.has(key(repository, one)));
    return blobs
      .filter((one) => isHere(one) && isNamed(held, one) && !isNamed(staying, one))
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** What repositories lost by the way. */
  async forgetGiven(): Promise<void> {
    for (const repository of repositories) {
      for (const one of blobs) {
        const isGiven = (await this.metadata.statBlob(repository, one.digest)) !== undefined;
        if (!isGiven) this.model.given.delete(key(repository, one));
      }
    }
  }

  async leftOf(held: Iterable<Held>): Promise<Held[]> {
    const left: Held[] = [];
    for (const one of held) {
      if ((await this.metadata.statManifest(one.repository, one.manifest.digest)) !== undefined) left.push(one);
    }
    return left;
  }

  /** Whatever is left is as whole as it was. */
  async checkWhole(left: readonly Held[]): Promise<void> {
    for (const { repository, manifest } of left) {
      for (const one of manifest.blobs.filter((each) => this.model.given.has(key(repository, each)))) {
        deepEqual(await this.metadata.statBlob(repository, one.digest), one);
        ok(await this.content.stat(one.digest), `${repository} is to serve ${one.digest}`);
      }
    }
    for (const digest of this.model.leased) {
      const wasHere = repositories.some((repository) => this.model.given.has(key(repository, { digest })));
      if (wasHere) ok(await this.content.stat(digest), `${digest} is leased`);
    }
  }

  async #put({ repository: nth, manifest: at, isPushed, came, isTagged, minutesLater }: World['put'][number]) {
    const repository = repositories[nth]!;
    const manifest = manifests[at]!;
    for (const one of manifest.blobs) {
      if (!came.includes(blobs.indexOf(blobs.find(({ digest }) => digest === one.digest)!))) continue;
      await this.#bring(texts[blobs.findIndex(({ digest }) => digest === one.digest)]!, one.digest);
      await this.metadata.addBlob(repository, one);
      this.model.given.add(key(repository, one));
    }
    const options = { tags: isTagged ? [tag] : [], upstream: isPushed ? undefined : 'docker.io' };
    await this.metadata.putManifest(repository, manifest, { ...options, mayLack: 'anything' });
    const nowMs = this.clock.now();
    this.model.held.set(key(repository, manifest), { repository, manifest, isPushed, putMs: nowMs, usedMs: nowMs });
    if (isTagged) this.model.tags.set(repository, manifest.digest);
    this.clock.advance(minutesLater * MINUTE_MS);
  }

  async #bring(text: string, digest: Digest): Promise<void> {
    const ingest = await this.content.begin();
    await ingest.append(Buffer.from(text));
    await ingest.commit(digest);
  }
}

function isOver(held: Held, { maxIdleMs, maxAgeMs }: EvictionLimits, nowMs: number): boolean {
  return held.usedMs < nowMs - maxIdleMs || held.putMs < nowMs - maxAgeMs;
}

test('what must stay stays whole, what is over goes, and the rest fits where that can be, the longest unused first', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (chosen) => {
      const clock = new FakeClock();
      await using metadata = await SqliteMetadataStore.inMemory({ clock });
      const cache = new Cache(metadata, clock);
      await cache.fill(chosen);
      const { model } = cache;
      const all = [...model.held.values()];
      const { limits, sweep } = chosen;
      const nowMs = clock.now();
      const staying = all.filter((one) => model.stays(one) || model.leased.has(one.manifest.digest));
      const wasOver = all.some((one) => isOver(one, limits, nowMs));
      const didFit = cache.sizeOf(all) <= limits.maxSizeBytes;

      const { manifests: evicted } = await evict({ metadata, content: cache.content, now: () => nowMs }, limits, {
        sweep,
      });

      const left = await cache.leftOf(all);
      await cache.checkWhole(left);
      equal(
        Object.values(evicted).reduce((sum, count) => sum + count, 0),
        all.length - left.length,
      );
      for (const one of staying) ok(left.includes(one), `${key(one.repository, one.manifest)} stays`);
      if (!wasOver && didFit) equal(left.length, all.length);
      const gone = all.filter((one) => !left.includes(one));
      for (const one of gone) model.held.delete(key(one.repository, one.manifest));
      const free = left.filter((one) => model.isFree(one));
      await cache.forgetGiven();
      const forRoom = free.filter(({ putMs, usedMs }) => putMs < nowMs - HOUR_MS && usedMs < nowMs);
      if (forRoom.length > 0) ok(cache.sizeOf(left) <= limits.maxSizeBytes, 'the rest fits');
      // An index has to go before its children may: what is over only then goes next time.
      const isAbove = (above: Held, below: Held): boolean =>
        above.repository === below.repository &&
        manifests
          .filter(({ digest }) => above.manifest.manifests.includes(digest))
          .some((child) => child === below.manifest || isAbove({ ...above, manifest: child }, below));
      const isIdle = ({ usedMs }: Held) => usedMs < nowMs - limits.maxIdleMs;
      const wasFree = free.filter((one) => !gone.some((other) => isAbove(other, one) && !isIdle(other)));
      deepEqual(
        wasFree.filter((one) => isOver(one, limits, nowMs)),
        [],
      );
      const goneForRoom = gone.filter((one) => !isOver(one, limits, nowMs));
      for (const one of forRoom) {
        const freeSinceMs = Math.max(
          one.usedMs,
          ...gone.filter((other) => isAbove(other, one)).map(({ usedMs }) => usedMs),
        );
        ok(
          goneForRoom.every(({ usedMs }) => usedMs <= freeSinceMs),
          'the longest unused go first',
        );
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);
