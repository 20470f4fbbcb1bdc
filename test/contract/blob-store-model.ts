// A store against a model of it: maps of what has to be where.
import fc from 'fast-check';
import { expect } from 'vitest';
import type { BlobStore } from '../../src/content/blob-store.ts';
import type { Ingest } from '../../src/content/ingest.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { BlobStoreWorld } from './blob-store.ts';
import { bytesOf, digestsOf, encode, trashOf } from './blob-store-reading.ts';

interface ModelIngest {
  readonly key: number;
  text: string;
}

interface Model {
  readonly blobs: Map<Digest, string>;
  readonly trash: Map<Digest, string>;
  ingests: ModelIngest[];
  begun: number;
}

interface Real {
  readonly world: BlobStoreWorld;
  store: BlobStore;
  readonly ingests: Map<number, Ingest>;
}

type Step = (model: Model, real: Real, choice: number, text: string) => Promise<void>;

/** Few contents, so that the same digests come again. */
const texts = fc.constantFrom('', 'a', 'b', 'ab');

const STEPS: Readonly<Record<string, Step>> = {
  async begin(model, real) {
    const key = (model.begun += 1);
    model.ingests.push({ key, text: '' });
    real.ingests.set(key, await real.store.begin(key % 2 === 0 ? 'sha256' : 'sha512'));
  },
  async append(model, real, choice, text) {
    const ingest = pick(model.ingests, choice);
    if (ingest === undefined) return;
    await real.ingests.get(ingest.key)!.append(encode(text));
    ingest.text += text;
  },
  async commit(model, real, choice) {
    const ingest = take(model, choice);
    if (ingest === undefined) return;
    const digest = digestOf(ingest.text, choice % 3 === 0 ? 'sha512' : 'sha256');
    await real.ingests.get(ingest.key)!.commit(digest);
    model.blobs.set(digest, ingest.text);
  },
  async 'commit wrong'(model, real, choice, text) {
    const ingest = take(model, choice);
    if (ingest === undefined) return;
    const wrong = digestOf(`${ingest.text}${text}!`);
    await expect(real.ingests.get(ingest.key)!.commit(wrong)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  },
  async abort(model, real, choice) {
    const ingest = take(model, choice);
    if (ingest !== undefined) await real.ingests.get(ingest.key)!.abort();
  },
  async resume(model, real, choice) {
    const ingest = pick(model.ingests, choice);
    if (ingest === undefined) return;
    const held = real.ingests.get(ingest.key)!;
    if (choice % 2 === 0) await held[Symbol.asyncDispose]();
    const resumed = await real.store.resume(held.id);
    expect(resumed.sizeBytes).toBe(ingest.text.length);
    real.ingests.set(ingest.key, resumed);
    if (choice % 2 !== 0) await held[Symbol.asyncDispose]();
  },
  async delete(model, real, choice) {
    const [digest, text] = pick([...model.blobs], choice) ?? [digestOf('never'), undefined];
    expect((await real.store.delete(digest))?.sizeBytes).toBe(text?.length);
    if (text !== undefined) model.trash.set(digest, text);
    model.blobs.delete(digest);
  },
  async restore(model, real, choice) {
    const [digest, text] = pick([...model.trash], choice) ?? [digestOf('never'), undefined];
    expect(await real.store.restore(digest)).toBe(text !== undefined);
    if (text !== undefined) model.blobs.set(digest, text);
    model.trash.delete(digest);
  },
  async 'empty trash'(model, real) {
    real.world.clock.advance(1);
    expect(await real.store.emptyTrash(new Date(real.world.clock.now()))).toMatchObject({ blobs: model.trash.size });
    model.trash.clear();
  },
  async reopen(_model, real) {
    real.store = await real.world.open();
  },
};

export async function blobStoreModel(createWorld: () => Promise<BlobStoreWorld>): Promise<void> {
  const commands = Object.entries(STEPS).map(([name, step]) =>
    fc.tuple(fc.nat(11), texts).map(([choice, text]) => ({
      check: () => true,
      async run(model: Model, real: Real) {
        await step(model, real, choice, text);
        await expectSame(model, real.store);
      },
      toString: () => `${name} ${choice} "${text}"`,
    })),
  );
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async (run) => {
      await using world = await createWorld();
      const model: Model = { blobs: new Map(), trash: new Map(), ingests: [], begun: 0 };
      const real: Real = { world, store: await world.open(), ingests: new Map() };
      try {
        await fc.asyncModelRun(() => ({ model, real }), run);
      } finally {
        for (const ingest of real.ingests.values()) await ingest.abort();
      }
    }),
    { numRuns: 60 },
  );
}

async function expectSame({ blobs, trash, ingests }: Model, store: BlobStore): Promise<void> {
  expect(await digestsOf(store)).toEqual([...blobs.keys()].toSorted());
  expect(await trashOf(store)).toEqual([...trash.keys()].toSorted());
  for (const [digest, text] of blobs) expect(await bytesOf(store, digest)).toEqual(encode(text));
  for (const digest of trash.keys()) if (!blobs.has(digest)) expect(await store.stat(digest)).toBeUndefined();
  const lengths = (await Array.fromAsync(store.listIngests())).map(({ sizeBytes }) => sizeBytes);
  const ascending = (one: number, other: number) => one - other;
  expect(lengths.toSorted(ascending)).toEqual(ingests.map(({ text }) => text.length).toSorted(ascending));
}

function pick<T>(choices: readonly T[], choice: number): T | undefined {
  return choices[choice % choices.length];
}

function take(model: Model, choice: number): ModelIngest | undefined {
  const ingest = pick(model.ingests, choice);
  model.ingests = model.ingests.filter((other) => other !== ingest);
  return ingest;
}
