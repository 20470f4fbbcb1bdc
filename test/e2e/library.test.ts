// The main job as it is meant: all official images, into the registry that most people have.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExpectedTag, HubCounts } from '../support/programs/hub-process.ts';
import { type LibraryFolder, isRealLibraryHere, openRealLibrary } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { digestBySkopeo, pullBySkopeo } from '../support/programs/skopeo.ts';
import { type SyncRun, type SyncWorld, manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry', 'skopeo', 'git');

const WHOLE_RUN_MS = 5 * 60_000;
const REAL_TAGS = 9849;
const INSPECTED_TAGS = 40;
const PULLED_TAGS = 5;

const title = isRealLibraryHere
  ? 'wharf sync of all official images of 2026-08-21'
  : 'wharf sync of a small library (the official images are not here)';

describe.skipIf(missing !== undefined)(`${title}${skipNote(missing)}`, () => {
  const opened = new AsyncDisposableStack();
  let library: LibraryFolder;
  let world: SyncWorld;
  let expected: readonly ExpectedTag[];
  let first: SyncRun;
  let counts: HubCounts;

  beforeAll(async () => {
    library = opened.use(await openRealLibrary());
    world = opened.use(await openSyncWorld({ hub: { library: library.path } }));
    expected = await world.hub.expected();
    first = await world.sync();
    counts = await world.hub.counters();
  }, WHOLE_RUN_MS);
  afterAll(() => opened.disposeAsync());

  test('it ends well, and its report accounts for every tag', () => {
    const { tags, images, failures } = first.report;
    expect(failures).toEqual([]);
    expect(first.code).toBe(0);
    if (isRealLibraryHere) expect(tags.wanted).toBe(REAL_TAGS);
    expect(tags).toEqual({ ...NOTHING, wanted: expected.length, copied: expected.length });
    expect(images).toEqual({ ...NOTHING, wanted: images.wanted, copied: images.wanted });
  });

  test('every tag is on its right digest, and all that it means is there', async () => {
    expect(await world.missing()).toEqual([]);
  });

  test('skopeo reads the same bytes at tags of all kinds, and their layers hash right', async () => {
    for (const { repository, tag, digest } of sample(expected, INSPECTED_TAGS)) {
      expect(await digestBySkopeo(`${world.registry.host}/${repository}:${tag}`)).toBe(digest);
    }
    for (const { repository, tag } of sample(expected, PULLED_TAGS)) {
      await pullBySkopeo(`${world.registry.host}/${repository}:${tag}`);
    }
  });

  test('no manifest is fetched twice, and none that nobody needs', () => {
    const manifests = new Set(manifestsOf(expected).map(({ digest }) => digest));
    const fetched = Object.entries(counts.manifestGetsByDigest);
    expect(fetched.filter(([digest, times]) => times > 1 || !manifests.has(digest as never))).toEqual([]);
    expect(counts.manifestGets).toBeLessThanOrEqual(manifests.size);
    expect(first.report.sources['docker.io']?.manifestGets).toBe(counts.manifestGets);
  });

  test('a second run copies nothing and fetches nothing', async () => {
    await world.hub.resetCounters();
    const second = await world.sync();
    expect(second.code).toBe(0);
    expect(second.report.tags).toEqual({ ...NOTHING, wanted: expected.length, upToDate: expected.length });
    expect(second.report.targets[world.registry.host]).toMatchObject({ blobPuts: 0, mounts: 0, manifestPuts: 0 });
    expect(await world.hub.counters()).toMatchObject({ manifestGets: 0, blobGets: 0, cdnGets: 0 });
  });
});

const NOTHING = { copied: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0 };

/** So many, evenly spread over the list, and with it over the repositories. */
function sample<T>(list: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(list.length / count));
  return list.filter((_item, index) => index % step === 0).slice(0, count);
}
