// Random pushes, mounts and deletes in any order with collections: whenever a side has asked something of metadata or
// of content, the scheduler says who goes on next.
import { deepEqual, ok } from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Graph, blobsOf, image, index, manifestsOf } from '../../test/support/image-graph.ts';
import type { Blob } from '../../test/support/registry/content.ts';
import { MemoryBlobStore } from '../content/memory.ts';
import { SqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts';
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { Life, mortal } from '../../test/support/metadata/mortal.ts';
import { readManifest } from '../oci/manifest.ts';
import { type RepositoryName, type Tag, parseRepositoryName, parseTag } from '../oci/reference.ts';
import { collectGarbage } from './collect-garbage.ts';
import { StoredRegistry } from './stored-registry.ts';
import type { StoredRepository } from './stored-repository.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const a = parseRepositoryName('a');
const b = parseRepositoryName('b');
const tags = ['one', 'two'].map(parseTag);
const x = image('x', ['base', 'x']);
const y = image('y', ['base']);
const graphs = new Map(Object.entries({ x, y, z: image('z', ['base', 'x', 'z']), both: index(x, y) }));
const blobs = new Map([...graphs.values()].flatMap(blobsOf).map((blob) => [blob.digest, blob]));

interface Choice {
  readonly graph: Graph;
  readonly blob: Blob;
  readonly tag: Tag;
}
type Step = (world: World, repository: StoredRepository, choice: Choice) => Promise<unknown>;

const STEPS: Readonly<Record<string, Step>> = {
  push: (_, repository, { graph, tag }) => push(repository, graph, tag),
  'push a blob': (_, repository, { blob }) => pushBlob(repository, blob),
  'begin an upload': async (world, repository) => {
    const { id } = await repository.beginUpload('sha256');
    world.begun.push({ repository, id });
  },
  'finish an upload': async (world, _, { blob }) => {
    const upload = world.begun.shift();
    await upload?.repository.finishUpload(upload.id, blob.digest, bodyOf(blob));
  },
  mount: (world, repository, { blob: { digest } }) =>
    world.relyOn(digest, () => repository.mountBlob(digest, repository.name === a ? b : a)),
  stat: (world, repository, { blob: { digest } }) => world.relyOn(digest, () => repository.statBlob(digest)),
  'delete a tag': (_, repository, { tag }) => repository.deleteTag(tag),
  'delete a blob': (world, repository, { blob }) => {
    world.takenAway.add(`${repository.name} ${blob.digest}`);
    return repository.deleteBlob(blob.digest);
  },
  'delete a manifest': (world, repository, { graph: { manifest } }) => {
    world.takenAway.add(`${repository.name} ${manifest.digest}`);
    return repository.deleteManifest(manifest.digest);
  },
};
const step = fc.record({
  kind: fc.constantFrom('push', 'push', 'push a blob', ...Object.keys(STEPS)),
  name: fc.constantFrom(a, b),
  graph: fc.constantFrom(...graphs.keys()),
  blob: fc.constantFrom(...blobs.keys()),
  tag: fc.constantFrom(...tags),
});
type ChosenStep = typeof step extends fc.Arbitrary<infer Chosen> ? Chosen : never;

/** What goes on at once, and for how long nothing goes on afterwards. */
const round = fc.record({
  clients: fc.array(fc.array(step, { maxLength: 3 }), { maxLength: 3 }),
  untagged: fc.boolean(),
  /** After so many calls of the collection it is killed, if it comes that far, and a whole one follows. */
  killedAfter: fc.option(fc.nat(40), { nil: Infinity }),
  /** Whether a dry run follows, and a collection that is to find the same. */
  rehearsed: fc.boolean(),
  minutes: fc.constantFrom(0, 30, 61, 90, 30 * 60),
});

async function push(repository: StoredRepository, { children, blobs, manifest }: Graph, tag: Tag): Promise<void> {
  for (const child of children) await push(repository, child, tag);
  for (const blob of blobs) await pushBlob(repository, blob);
  await repository.putManifest(manifest, readManifest(manifest.bytes).content, [tag]);
}

async function pushBlob(repository: StoredRepository, blob: Blob): Promise<void> {
  const { id } = await repository.beginUpload('sha256');
  await repository.finishUpload(id, blob.digest, bodyOf(blob));
}

function bodyOf({ parts }: Blob) {
  return { body: ReadableStream.from<Uint8Array>(parts) };
}

class World {
  readonly clock: FakeClock;
  readonly content = new MemoryBlobStore({ now: () => this.clock.now() });
  readonly metadata: SqliteMetadataStore;
  /** By `repository digest`: what a client deleted, which may leave a tagged image without it. */
  readonly takenAway = new Set<string>();
  readonly begun: { readonly repository: StoredRepository; readonly id: string }[] = [];
  /** Until when a client may rely on a blob that it was told to be here. */
  readonly #promised = new Map<Digest, number>();
  readonly #parts: ConstructorParameters<typeof StoredRegistry>[0];
  readonly #registry: StoredRegistry;

  constructor(metadata: SqliteMetadataStore, clock: FakeClock, scheduler: fc.Scheduler) {
    this.clock = clock;
    this.metadata = metadata;
    this.#parts = {
      metadata: scheduled(metadata, scheduler),
      content: scheduled(this.content, scheduler),
      now: () => clock.now(),
    };
    this.#registry = new StoredRegistry(this.#parts);
  }

  /** Every blob, old and named by no manifest: so that what is pushed is about to be deleted. */
  async leaveGarbage(): Promise<void> {
    for (const blob of blobs.values()) await pushBlob(this.#registry.repository(a), blob);
    this.clock.advance(2 * HOUR_MS);
  }

  async collect(untagged: boolean, killedAfter = Infinity): Promise<void> {
    const life = new Life(killedAfter);
    await Promise.race([collectGarbage(mortal(this.#parts, life), { untagged }), life.end]);
    if (life.isOver) await collectGarbage(this.#parts, { untagged });
  }

  /** Nobody else may be at it. */
  async checkRehearsal(untagged: boolean): Promise<void> {
    const parts = { metadata: this.metadata, content: this.content, now: () => this.clock.now() };
    const counted = await collectGarbage(parts, { untagged, dryRun: true });
    deepEqual(counted, { ...(await collectGarbage(parts, { untagged })), freedBytes: 0 });
  }

  async run(steps: readonly ChosenStep[]): Promise<void> {
    for (const { kind, name, graph, blob, tag } of steps) {
      const choice = { graph: graphs.get(graph)!, blob: blobs.get(blob)!, tag };
      try {
        await STEPS[kind]!(this, this.#registry.repository(name), choice);
      } catch (error) {
        // What is not there, or what somebody else deleted meanwhile, is refused.
        if (!(error instanceof OciError)) throw error;
      }
    }
  }

  async relyOn(digest: Digest, ask: () => Promise<unknown>): Promise<void> {
    const until = this.clock.now() + HOUR_MS;
    if ((await ask()) !== false) this.#promised.set(digest, until);
  }

  /** What metadata says is here, is; so is what a client was told of within the hour; and tagged images are whole. */
  async check(): Promise<void> {
    for (const [digest, until] of this.#promised) {
      if (until > this.clock.now()) ok(await this.content.stat(digest), `${digest} was promised`);
    }
    for (const name of [a, b]) {
      for (const digest of blobs.keys()) {
        if (await this.metadata.statBlob(name, digest)) ok(await this.content.stat(digest), `${name} has ${digest}`);
      }
      for (const graph of await this.#tagged(name)) await this.#checkWhole(name, graph);
    }
  }

  /** No upload, no manifest that is not tagged, and no blob but those that manifests name. */
  async checkNothingIsLeft(): Promise<void> {
    const needed = new Set<Digest>();
    for (const name of [a, b]) {
      const tagged = (await this.#tagged(name)).flatMap(manifestsOf).map(({ digest }) => digest);
      for (const { manifest, blobs } of graphs.values()) {
        if ((await this.metadata.statManifest(name, manifest.digest)) === undefined) continue;
        ok(tagged.includes(manifest.digest), `${name} keeps ${manifest.digest}`);
        for (const { digest } of blobs) needed.add(digest);
      }
    }
    deepEqual((await Array.fromAsync(this.content.list())).flat(), [...needed].toSorted());
    deepEqual(await Array.fromAsync(this.content.listIngests()), []);
  }

  async #tagged(name: RepositoryName): Promise<readonly Graph[]> {
    const descriptors = await Promise.all(tags.map(async (tag) => await this.metadata.resolveTag(name, tag)));
    const digests = descriptors.map((descriptor) => descriptor?.digest);
    return [...graphs.values()].filter(({ manifest }) => digests.includes(manifest.digest));
  }

  async #checkWhole(name: RepositoryName, graph: Graph): Promise<void> {
    const isDue = ({ digest }: { readonly digest: Digest }) => !this.takenAway.has(`${name} ${digest}`);
    for (const { digest } of manifestsOf(graph).filter(isDue)) ok(await this.metadata.statManifest(name, digest));
    for (const { manifest, blobs } of [graph, ...graph.children]) {
      // Blobs of a child that was taken away are garbage, though its index is tagged.
      if (!isDue(manifest)) continue;
      for (const { digest } of blobs.filter(isDue)) ok(await this.metadata.statBlob(name, digest));
    }
  }
}

// A collection lets others have their turn; they must not be done by then.
const scheduler = fc.scheduler({
  act: async (goOn) => {
    await goOn();
    await setImmediate();
  },
});

/** The same, but whoever called goes on when the scheduler says so. */
function scheduled<T extends object>(target: T, scheduler: fc.Scheduler): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => {
        const answer: unknown = Reflect.apply(value, target, args);
        if (!(answer instanceof Promise)) return answer;
        const isIngest = key === 'begin' || key === 'resume';
        const later = answer.then((ingest: object) => (isIngest ? scheduled(ingest, scheduler) : ingest));
        // Nobody looks at a failure before its turn.
        later.catch(() => undefined);
        return scheduler.schedule(later, String(key));
      };
    },
  });
}

test('in any order with pushes and deletes, nothing needed vanishes, and in the end nothing else is left', async () => {
  await fc.assert(
    fc.asyncProperty(scheduler, fc.array(round, { minLength: 1, maxLength: 5 }), async (scheduler, rounds) => {
      const clock = new FakeClock();
      await using metadata = await SqliteMetadataStore.inMemory({ clock });
      const world = new World(metadata, clock, scheduler);
      await scheduler.waitFor(world.leaveGarbage());
      for (const { clients, untagged, killedAfter, rehearsed, minutes } of rounds) {
        const atOnce = [world.collect(untagged, killedAfter), ...clients.map((steps) => world.run(steps))];
        await scheduler.waitFor(Promise.all(atOnce));
        await world.check();
        clock.advance(minutes * MINUTE_MS);
        if (rehearsed) await world.checkRehearsal(untagged);
        await world.check();
      }
      // The first ends the uploads, and what those were about to become is held for another hour.
      for (const hours of [26, 2]) {
        clock.advance(hours * HOUR_MS);
        await scheduler.waitFor(world.collect(true));
        await world.check();
      }
      await world.checkNothingIsLeft();
    }),
    { numRuns: 250 },
  );
}, 60_000);
