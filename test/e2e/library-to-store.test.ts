// The main job without another registry: all official images into our own store, and out of it by a client that is not
// ours.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SyncReport } from '../../src/sync/report.ts';
import { type ExpectedTag, startHubProcess } from '../support/programs/hub-process.ts';
import { isRealLibraryHere, openRealLibrary } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { bulkStorage, scratchFolder } from '../support/programs/scratch-folder.ts';
import { copyBySkopeo, digestBySkopeo } from '../support/programs/skopeo.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const missing = missingPrograms('skopeo', 'git');

const WHOLE_RUN_MS = 5 * 60_000;
const CHECK_MS = 2 * 60_000;
const COPIED_TAGS = 10;

const title = isRealLibraryHere
  ? 'all official images of 2026-08-21 in our own store'
  : 'a small library in our own store (the official images are not here)';

describe.skipIf(missing !== undefined)(`${title}${skipNote(missing)}`, () => {
  const opened = new AsyncDisposableStack();
  let wharf: Wharf;
  let expected: readonly ExpectedTag[];
  let sync: Exit;
  let url: string;

  beforeAll(async () => {
    const library = opened.use(await openRealLibrary());
    const hub = opened.use(await startHubProcess({ library: library.path }));
    expected = await hub.expected();
    const data = opened.use(await scratchFolder('store', bulkStorage));
    wharf = opened.use(await openWharf({ ...hub, data: data.path }));
    sync = await wharf.run(['sync', '--catalog', `official-images:${library.path}`, '--to', 'store', '--json']);
    const serve = ['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off'];
    url = (await opened.use(await wharf.start(serve)).firstLine).replace('listening on ', '');
  }, WHOLE_RUN_MS);
  afterAll(() => opened.disposeAsync());

  test('its report accounts for every tag', () => {
    expect(sync.code).toBe(0);
    const { jobs } = JSON.parse(sync.stdout) as SyncReport;
    expect(jobs).toMatchObject([{ tags: { wanted: expected.length, copied: expected.length }, failures: [] }]);
  });

  test('every tag is on its right digest, and all that it means is there', async () => {
    expect(await new RegistryProbe(url).missing(manifestsOf(expected))).toEqual([]);
  });

  test('skopeo copies out of it, digests equal', async () => {
    const step = Math.ceil(expected.length / COPIED_TAGS);
    const { host } = new URL(url);
    for (const { repository, tag, digest } of expected.filter((_tag, nth) => nth % step === 0)) {
      await copyBySkopeo(`${host}/${repository}:${tag}`, `${host}/copied/${repository}:${tag}`);
      expect(await digestBySkopeo(`${host}/copied/${repository}:${tag}`)).toBe(digest);
    }
  });

  test('a check finds nothing wrong, and a collection nothing to delete', { timeout: CHECK_MS }, async () => {
    const check = await wharf.run(['check', '--json']);
    expect(JSON.parse(check.stdout)).toMatchObject({ findings: [] });
    expect(check.code).toBe(0);
    const collected = await wharf.run(['gc', '--dry-run', '--older-than', '0s', '--json']);
    expect(JSON.parse(collected.stdout)).toMatchObject({ manifests: 0, blobs: 0, uploads: 0 });
  });
});
