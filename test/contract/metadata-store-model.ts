// Random histories against a plain model: what is served is what was given, and what is needed is never garbage.
import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RepositoryDigest } from '../../src/metadata/housekeeping.ts';
import type { MetadataStore, NewManifest } from '../../src/metadata/metadata-store.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { OciError } from '../../src/oci/errors.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blob, image, index } from '../support/metadata/content.ts';
import { scanAll } from '../support/metadata/scan-all.ts';

/** Makes an empty store; disposing of it removes it. */
export type MakeMetadataStore = (clock: FakeClock) => Promise<MetadataStore>;

const HOUR_MS = 3_600_000;
/** How much longer than asked for a lease may hold. */
const SLACK_MS = HOUR_MS / 4;
const repositories = ['a', 'b/c', 'd'].map(parseRepositoryName);
const tags = ['one', 'two'].map(parseTag);
const blobs = ['v', 'w', 'x', 'y', 'z'].map(blob);
const images = [0, 1, 3].map((first) => image(`image ${first}`, blobs.slice(first, first + 2)));
const indexes = [
  index('both', [images[0]!.digest, images[1]!.digest]),
  { ...index('single', [images[2]!.digest, blobs[0]!.digest]), blobs: [{ ...blobs[0]!, as: 'child' as const }] },
];
const signature = image('signature', [blobs[0]!, { ...blobs[2]!, as: 'foreign' }], { subject: images[1]!.digest });
const manifests = [...images, ...indexes, signature];

const command = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), to: fc.nat(2), blob: fc.nat(4) }),
  fc.record({ kind: fc.constant('mount' as const), from: fc.nat(2), to: fc.nat(2), blob: fc.nat(4) }),
  fc.record({ kind: fc.constant('deleteBlob' as const), to: fc.nat(2), blob: fc.nat(4) }),
  fc.record({
    kind: fc.constant('put' as const),
    to: fc.nat(2),
    manifest: fc.nat(5),
    tags: fc.subarray(tags),
    mayLack: fc.constantFrom('nothing', 'manifests', 'anything'),
  }),
  fc.record({ kind: fc.constant('deleteTag' as const), to: fc.nat(2), tag: fc.nat(1) }),
  fc.record({ kind: fc.constant('deleteManifest' as const), to: fc.nat(2), manifest: fc.nat(5) }),
  fc.record({ kind: fc.constant('lease' as const), blob: fc.nat(4), minutes: fc.nat(120) }),
  fc.record({ kind: fc.constant('begin' as const), to: fc.nat(2), blob: fc.nat(4) }),
  fc.record({ kind: fc.constant('end' as const), blob: fc.nat(4) }),
  fc.record({ kind: fc.constant('wait' as const), minutes: fc.nat(90) }),
  fc.record({ kind: fc.constant('collect' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;
type Of<K extends Command['kind']> = Extract<Command, { kind: K }>;

class Model {
  readonly clock: FakeClock;
  /** By `repository digest`: when the repository was given the blob, or the manifest was put. */
  readonly given = new Map<string, number>();
  readonly put = new Map<string, number>();
  readonly tags = new Map<string, Digest>();
  readonly leases = new Map<Digest, number>();
  readonly uploads = new Set<Digest>();
  /** Blobs that were ever given to a repository, and not forgotten since. */
  readonly known = new Set<Digest>();
  readonly store: MetadataStore;

  private constructor(store: MetadataStore, clock: FakeClock) {
    this.store = store;
    this.clock = clock;
  }

  static async make(make: MakeMetadataStore): Promise<Model> {
    const clock = new FakeClock();
    return new Model(await make(clock), clock);
  }

  async run(command: Command): Promise<void> {
    const { kind } = command;
    if (kind === 'add') await this.add(command);
    else if (kind === 'mount') await this.mount(command);
    else if (kind === 'deleteBlob') await this.deleteBlob(command);
    else if (kind === 'put') await this.putManifest(command);
    else if (kind === 'deleteTag') await this.deleteTag(command);
    else if (kind === 'deleteManifest') await this.deleteManifest(command);
    else if (kind === 'lease') await this.lease(command);
    else if (kind === 'begin') await this.begin(command);
    else if (kind === 'end') await this.end(command);
    else if (kind === 'wait') this.wait(command);
    else await this.collect();
  }

  async add({ to, blob }: Of<'add'>): Promise<void> {
    await this.store.addBlob(repositories[to]!, blobs[blob]!);
    this.given.set(key(to, blobs[blob]!), this.clock.now());
    this.known.add(blobs[blob]!.digest);
  }

  async mount({ from, to, blob }: Of<'mount'>): Promise<void> {
    const { digest } = blobs[blob]!;
    const isGiven = await this.store.mount(digest, repositories[from]!, repositories[to]!);
    equal(isGiven, this.given.has(key(from, blobs[blob]!)));
    if (isGiven) this.given.set(key(to, blobs[blob]!), this.clock.now());
  }

  async deleteBlob({ to, blob }: Of<'deleteBlob'>): Promise<void> {
    const wasGiven = this.given.delete(key(to, blobs[blob]!));
    equal(await this.store.deleteBlob(repositories[to]!, blobs[blob]!.digest), wasGiven);
  }

  async putManifest({ to, manifest: nth, tags, mayLack }: Of<'put'>): Promise<void> {
    const manifest = manifests[nth]!;
    const isGiven = ({ digest }: { readonly digest: Digest }) => this.given.has(key(to, { digest }));
    const lacksBlob = manifest.blobs.some((one) => one.as === undefined && !isGiven(one));
    const mayBeBlob = (digest: Digest) => manifest.blobs.some((one) => one.digest === digest && isGiven(one));
    const lacksChild = manifest.manifests.some((digest) => !this.put.has(key(to, { digest })) && !mayBeBlob(digest));
    const isRefused = (mayLack !== 'anything' && lacksBlob) || (mayLack === 'nothing' && lacksChild);
    const outcome = await this.store
      .putManifest(repositories[to]!, manifest, { tags, mayLack })
      .catch((error: unknown) => {
        equal((error as OciError).code, 'MANIFEST_BLOB_UNKNOWN');
        return 'refused';
      });
    equal(outcome, isRefused ? 'refused' : undefined);
    if (isRefused) return;
    this.put.set(key(to, manifest), this.clock.now());
    for (const tag of tags) this.tags.set(`${to} ${tag}`, manifest.digest);
  }

  async deleteTag({ to, tag }: Of<'deleteTag'>): Promise<void> {
    const wasThere = this.tags.delete(`${to} ${tags[tag]}`);
    equal(await this.store.deleteTag(repositories[to]!, tags[tag]!), wasThere);
  }

  async deleteManifest({ to, manifest }: Of<'deleteManifest'>): Promise<void> {
    const { digest } = manifests[manifest]!;
    equal(await this.store.deleteManifest(repositories[to]!, digest), this.#forget(to, digest));
  }

  async lease({ blob, minutes }: Of<'lease'>): Promise<void> {
    const { digest } = blobs[blob]!;
    const until = this.clock.now() + minutes * 60_000;
    await this.store.lease([digest], until);
    this.leases.set(digest, Math.max(until, this.leases.get(digest) ?? 0));
  }

  async begin({ to, blob }: Of<'begin'>): Promise<void> {
    const { digest } = blobs[blob]!;
    if (this.uploads.has(digest)) return;
    await this.store.beginUpload({ id: digest, repository: repositories[to]!, digest });
    this.uploads.add(digest);
  }

  async end({ blob }: Of<'end'>): Promise<void> {
    const { digest } = blobs[blob]!;
    equal(await this.store.endUpload(digest), this.uploads.delete(digest));
  }

  wait({ minutes }: Of<'wait'>): void {
    this.clock.advance(minutes * 60_000);
  }

  async collect(): Promise<void> {
    const before = this.clock.now() - HOUR_MS;
    await this.store.forgetLeases(3);
    await this.#collectManifests(before);
    await this.#collectUnnamed(before);
    await this.#collectBlobs(before);
  }

  /** What any client can see. */
  async check(): Promise<void> {
    for (const [to, repository] of repositories.entries()) {
      for (const one of blobs) {
        equal((await this.store.statBlob(repository, one.digest)) !== undefined, this.given.has(key(to, one)));
      }
      for (const one of manifests) {
        const found = await this.store.manifest(repository, one.digest);
        deepEqual(found && Buffer.from(found.bytes), this.put.has(key(to, one)) ? one.bytes : undefined);
      }
      for (const tag of tags) {
        equal((await this.store.resolveTag(repository, tag))?.digest, this.tags.get(`${to} ${tag}`));
      }
    }
  }

  async #collectManifests(before: number): Promise<void> {
    const found = await scanAll((page) => this.store.untaggedManifests(before, page));
    expectSame(
      found,
      pairsOf(manifests).filter(([to, one]) => this.#isUntagged(to, one, before)),
    );
    for (const one of found) {
      // Deleting one can only make more garbage: an index first frees its children at the next collection.
      equal(await this.store.forgetUntaggedManifests([one], before), 1);
      this.#forget(repositories.indexOf(one.repository), one.digest);
    }
  }

  async #collectUnnamed(before: number): Promise<void> {
    const found = await scanAll((page) => this.store.unnamedBlobs(before, page));
    const may = pairsOf(blobs).filter(([to, one]) => this.#isUnnamed(to, one.digest, before));
    expectBetween(found, {
      must: may.filter(([, one]) => !this.#isHeld(one.digest, SLACK_MS)),
      may: may.filter(([, one]) => !this.#isHeld(one.digest, 0)),
    });
    equal(await this.store.forgetUnnamedBlobs(found, before), found.length);
    for (const one of found) {
      this.given.delete(key(repositories.indexOf(one.repository), one));
    }
  }

  async #collectBlobs(before: number): Promise<void> {
    const found = await scanAll((page) => this.store.unreferencedBlobs(before, page));
    for (const { digest } of blobs) {
      const isUnknown = (await this.store.unknownBlobs([digest])).length > 0;
      const isKnown = this.known.has(digest) || this.#isNamedAnywhere(digest) || this.#isHeld(digest, 0);
      if (isKnown) equal(isUnknown, false);
      const isNeeded = this.#isNamedAnywhere(digest) || this.#isGivenSince(digest, before);
      if (isNeeded || this.#isHeld(digest, 0)) {
        equal(found.includes(digest), false);
        deepEqual(await this.store.forgetBlobs([digest], before), []);
      } else if (this.known.has(digest) && !this.#isHeld(digest, SLACK_MS)) {
        equal(found.includes(digest), true);
      }
    }
    deepEqual((await this.store.forgetBlobs(found, before)).toSorted(), found.toSorted());
    deepEqual((await this.store.unknownBlobs(found)).toSorted(), found.toSorted());
    for (const digest of found) {
      this.known.delete(digest);
      for (const to of repositories.keys()) this.given.delete(key(to, { digest }));
    }
  }

  #isUntagged(to: number, manifest: NewManifest, before: number): boolean {
    const isHere = (digest: Digest | undefined) => digest !== undefined && this.put.has(key(to, { digest }));
    return (
      (this.put.get(key(to, manifest)) ?? Infinity) < before &&
      !tags.some((tag) => this.tags.get(`${to} ${tag}`) === manifest.digest) &&
      !manifests.some((parent) => isHere(parent.digest) && parent.manifests.includes(manifest.digest)) &&
      !isHere(manifest.subject)
    );
  }

  #isUnnamed(to: number, digest: Digest, before: number): boolean {
    const isNamed = this.#naming(digest).some((manifest) => this.put.has(key(to, manifest)));
    return (this.given.get(key(to, { digest })) ?? Infinity) < before && !isNamed;
  }

  #isNamedAnywhere(digest: Digest): boolean {
    return this.#naming(digest).some((one) => [...repositories.keys()].some((to) => this.put.has(key(to, one))));
  }

  #isGivenSince(digest: Digest, before: number): boolean {
    return [...repositories.keys()].some((to) => (this.given.get(key(to, { digest })) ?? 0) >= before);
  }

  #naming(digest: Digest): readonly NewManifest[] {
    return manifests.filter((manifest) => manifest.blobs.some((one) => one.digest === digest));
  }

  #isHeld(digest: Digest, slackMs: number): boolean {
    return this.uploads.has(digest) || (this.leases.get(digest) ?? -Infinity) + slackMs > this.clock.now();
  }

  #forget(to: number, digest: Digest): boolean {
    for (const tag of tags) if (this.tags.get(`${to} ${tag}`) === digest) this.tags.delete(`${to} ${tag}`);
    return this.put.delete(key(to, { digest }));
  }
}

const key = (to: number, { digest }: { readonly digest: Digest }) => `${to} ${digest}`;

function pairsOf<T>(values: readonly T[]): readonly (readonly [number, T])[] {
  return [...repositories.keys()].flatMap((to) => values.map((value) => [to, value] as const));
}

type Pairs = readonly (readonly [number, { readonly digest: Digest }])[];
const namesOf = (pairs: Pairs) => pairs.map(([to, one]) => key(to, one)).toSorted();

function expectSame(found: readonly RepositoryDigest[], pairs: Pairs): void {
  expectBetween(found, { must: pairs, may: pairs });
}

function expectBetween(found: readonly RepositoryDigest[], { must, may }: { must: Pairs; may: Pairs }): void {
  const names = namesOf(found.map((one) => [repositories.indexOf(one.repository), one]));
  expect(namesOf(may)).toEqual(expect.arrayContaining(names));
  expect(names).toEqual(expect.arrayContaining(namesOf(must)));
}

export function metadataStoreModel(make: MakeMetadataStore): void {
  test('whatever happens, nothing needed is garbage, and nothing is served that was not given', async () => {
    const histories = fc.array(command, { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(histories, async (commands) => {
        const model = await Model.make(make);
        await using _ = model.store;
        for (const command of commands) {
          await model.run(command);
          await model.check();
        }
        await model.collect();
        await model.check();
      }),
      { numRuns: 150 },
    );
  });
}
