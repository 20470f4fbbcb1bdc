// Whatever others do beside a check, it finds nothing wrong where nothing is: they work between any two of its steps.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckWorld } from '../../test/support/check-world.ts';
import { image, index } from '../../test/support/image-graph.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { Inspection } from '../metadata/inspection.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { type CheckedStore, checkStore } from './check-store.ts';
import type { Finding } from './check-finding.ts';

const APP = parseRepositoryName('team/app');
const OTHER = parseRepositoryName('team/other');
const BLOB = Buffer.from('a blob');
const DIGEST = digestOf(BLOB);

type Step = () => Promise<unknown>;

/** The store, where `between` is called before each thing that is asked of it. */
function interrupted({ metadata, inspection, content }: CheckedStore, between: (what: string) => Promise<void>) {
  const watch = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function' || typeof name !== 'string') return value;
        return async (...args: readonly unknown[]) => {
          await between(name);
          return await (Reflect.apply(value, object, args) as Promise<unknown>);
        };
      },
    });
  return { metadata: watch(metadata), inspection: watch<Inspection>(inspection), content: watch<BlobStore>(content) };
}

async function findings(world: CheckWorld, between: (what: string) => Promise<void>): Promise<readonly Finding[]> {
  const { metadata, content } = world;
  const found: Finding[] = [];
  await checkStore(interrupted({ metadata, content, inspection: metadata.inspection }, between), {
    seed: '',
    onEvent: (event) => void (event.type === 'found' && found.push(event.finding)),
  });
  return found;
}

/** A collection that takes the blob for garbage, in its steps; it asks again after the bytes are in the trash. */
function collection({ metadata, content }: CheckWorld, isHeld: () => boolean): Step[] {
  let isMoved = false;
  let isForgotten = false;
  return [
    async () => {
      if (isHeld()) return;
      isForgotten = true;
      await metadata.deleteBlob(APP, DIGEST);
    },
    async () => {
      if (isForgotten) isMoved = (await content.delete(DIGEST)) !== undefined;
    },
    async () => {
      const isNeeded = isHeld() || (await metadata.statBlob(APP, DIGEST)) !== undefined;
      if (isMoved && isNeeded) await content.restore(DIGEST);
    },
  ];
}

/** A push of the blob, in its steps. */
function push({ metadata, content }: CheckWorld, hold: () => void): Step[] {
  return [
    async () => hold(),
    async () => {
      const ingest = await content.begin();
      await ingest.append(BLOB);
      await ingest.commit(DIGEST);
    },
    () => metadata.addBlob(APP, { digest: DIGEST, sizeBytes: BLOB.byteLength }),
  ];
}

test('a collection and a push of the same blob, in any order, between any steps of the check', async () => {
  const isCollectorNext = fc.array(fc.boolean(), { minLength: 9, maxLength: 9 });
  const stepsEach = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 12, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(isCollectorNext, stepsEach, async (order, pace) => {
      await using world = await CheckWorld.inMemory();
      let isHeld = false;
      const collector = [...collection(world, () => isHeld), ...collection(world, () => isHeld)];
      const pusher = [...push(world, () => (isHeld = true))];
      await pusher[1]?.();
      await pusher[2]?.();
      const steps = order
        .map((next) => (next ? collector.shift() : pusher.shift()))
        .filter((step) => step !== undefined);
      const paces = pace.values();
      const between = async () => {
        for (let left = paces.next().value ?? 0; left > 0; left -= 1) await steps.shift()?.();
      };
      expect(await findings(world, between)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

describe('what somebody does just before a step', () => {
  const graph = index(image('a', ['base', 'one']), image('b', ['base']));
  const everything: readonly [string, (world: CheckWorld) => Promise<unknown>][] = [
    ['deletes the image', (world) => world.metadata.deleteManifest(APP, graph.manifest.digest)],
    ['deletes a blob that another repository has', (world) => world.metadata.deleteBlob(OTHER, digestOf('base'))],
    ['pushes another image', (world) => world.push(APP, image('c', ['base', 'two']), 'new')],
    ['pushes the image again', (world) => world.push(APP, graph, 'latest', 'again')],
  ];

  test.each(everything)('never makes a finding, when somebody %s', async (_what, act) => {
    await using counted = await CheckWorld.inMemory();
    let total = 0;
    const prepare = async (world: CheckWorld) => {
      await world.push(APP, graph, 'latest');
      await world.push(OTHER, image('o', []), 'latest');
      await world.metadata.mount(digestOf('base'), APP, OTHER);
    };
    await prepare(counted);
    await findings(counted, async () => void (total += 1));
    for (let at = 0; at < total; at += 1) {
      await using world = await CheckWorld.inMemory();
      await prepare(world);
      let step = 0;
      const between = async () => {
        if (step === at) await act(world);
        step += 1;
      };
      expect(await findings(world, between), `before step ${at}`).toEqual([]);
    }
  });

  test('a blob that somebody commits anew while it is found wrong is sound', async () => {
    const blobs = new Map<Digest, Uint8Array>();
    await using world = await CheckWorld.inMemory(blobs);
    await world.push(APP, image('a', ['base']), 'latest');
    blobs.set(digestOf('base'), Buffer.from('bose'));
    const between = async (what: string) => {
      if (what === 'quarantine') blobs.set(digestOf('base'), Buffer.from('base'));
    };
    expect(await findings(world, between)).toEqual([]);
    expect(await world.content.stat(digestOf('base'))).toBeDefined();
  });

  test('a blob that somebody deletes while it is found wrong is nobody’s loss', async () => {
    const blobs = new Map<Digest, Uint8Array>();
    await using world = await CheckWorld.inMemory(blobs);
    const [, layer] = image('a', ['base']).blobs;
    await world.push(APP, image('a', ['base']), 'latest');
    await world.metadata.deleteManifest(APP, image('a', ['base']).manifest.digest);
    blobs.set(digestOf('base'), Buffer.from('bose'));
    const between = async (what: string) => {
      if (what === 'repositoriesWith') await world.metadata.deleteBlob(APP, layer!.digest);
    };
    expect(await findings(world, between)).toEqual([]);
  });
});
