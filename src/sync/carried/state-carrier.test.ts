// Runs that find nothing on their disk, and what a target that lies about earlier ones can make them do.
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { catalogImage } from '../../../test/support/hub/catalog-image.ts';
import { IMAGES, type JobWorld, REDIS, counts, startJobWorld } from '../../../test/support/client/job-world.ts';
import { TemporaryJournal } from '../../../test/support/journal/temporary-journal.ts';
import { corruptAt, hang, refuse, respond } from '../../../test/support/origin/fault-actions.ts';
import type { CatalogImage } from '../../catalog/catalog.ts';
import { systemClock } from '../../async/clock.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { readManifest } from '../../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { RemoteRegistry } from '../../remote/remote-registry.ts';
import { JobState } from '../job-state.ts';
import type { SyncJob } from '../job.ts';
import type { JobReport } from '../report.ts';
import type { RunOptions } from '../run.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-lines.ts';
import { NOTHING, type Snapshot } from './snapshot.ts';
import { readState, writeState } from './state-artifact.ts';
import { StateCarrier, stateTag } from './state-carrier.ts';

const REPOSITORY = parseRepositoryName('wharf/state');
const TAG = parseTag('library');
const NGINX = parseRepositoryName('library/nginx');
const opened: TemporaryJournal[] = [];
afterEach(() => opened.splice(0).forEach((one) => one[Symbol.dispose]()));

/** A machine whose disk is empty. */
function openRunner(world: JobWorld) {
  const journal = new TemporaryJournal();
  opened.push(journal);
  const stateOf = ({ targets, selection, upstream }: SyncJob) =>
    new JobState(journal.open(), 'library', targets, selection.platforms, { carriedFrom: upstream.name });
  const run = async (options: Partial<RunOptions> = {}, changes: Partial<SyncJob> = {}): Promise<JobReport> => {
    const job = world.job(changes);
    const [keeper] = job.targets;
    if (keeper === undefined) throw new Error('a job has a target');
    const state = stateOf(job);
    const { upstream, targets } = job;
    // The time of a world passes at once, and no deadline is to be over before its work has begun.
    const clock = { ...systemClock, now: () => world.clock.now() };
    const carrier = new StateCarrier({ job: job.name, upstream: upstream.name, state, targets, keeper, clock });
    return await world.run({ ...changes, targets, upstream, state, carrier }, options);
  };
  return { run, scope: stateOf(world.job()).scope };
}

function forget(world: JobWorld): void {
  world.hub.resetCounters();
  for (const target of world.targets) target.resetCounters();
}

/** A world in which one machine has synced everything, and is gone. */
async function synced(
  options: Parameters<typeof startJobWorld>[1] = {},
  images: readonly CatalogImage[] = IMAGES,
): Promise<JobWorld> {
  const world = await startJobWorld(images, options);
  expect(await openRunner(world).run()).toMatchObject({ tags: { failed: 0, deferred: 0 } });
  forget(world);
  return world;
}

function stateRepository(world: JobWorld) {
  const [target] = world.job().targets;
  if (!(target?.registry instanceof RemoteRegistry)) throw new Error('the target is a registry');
  return target.registry.repository(REPOSITORY);
}

const kept = (world: JobWorld): Digest | undefined => world.target.content.manifest(REPOSITORY, TAG)?.digest;

/** Has the target keep something else, as whoever may push there can. */
async function forge(world: JobWorld, change: (honest: Snapshot) => Snapshot): Promise<void> {
  const repository = stateRepository(world);
  const { scope } = openRunner(world);
  const digest = kept(world);
  const honest = digest ? await decodeSnapshot(await readState(repository, digest, {}), scope) : NOTHING;
  const bytes = await encodeSnapshot(change(honest), scope);
  await writeState(repository, TAG, bytes, { createdAt: new Date(0) });
}

test('a second machine does what changed, and asks for nothing else', async () => {
  await using world = await synced();
  world.hub.rebuild('library/nginx', '1.27');
  const report = await openRunner(world).run();
  expect(report.tags).toEqual(counts({ wanted: 6, copied: 3, upToDate: 3 }));
  expect(report.notices).toEqual([]);
  expect(world.wrongTags()).toEqual([]);
  expect(world.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 1, manifestGets: 5 });
});

test('when nothing changed, a third asks for lists, and for the share of the tags that is due', async () => {
  await using world = await synced();
  await openRunner(world).run();
  forget(world);
  expect((await openRunner(world).run()).tags).toEqual(counts({ wanted: 6, upToDate: 6 }));
  expect(world.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 0, manifestGets: 0 });
  // Two for the state, before and after, and one for each repository.
  expect(world.target.counters).toMatchObject({ tagLists: 2, manifestHeads: 4 });
});

test('the first one says that there is nothing to believe yet', async () => {
  await using world = await startJobWorld(IMAGES);
  const report = await openRunner(world).run();
  expect(report.notices).toEqual([
    'no state of the job is kept at target-0/wharf/state:library yet, so all is looked at',
  ]);
});

test('what is kept is an OCI artifact of one layer', async () => {
  await using world = await synced();
  const { content } = readManifest(world.target.content.manifest(REPOSITORY, TAG)?.bytes ?? new Uint8Array());
  expect(content).toMatchObject({
    artifactType: 'application/vnd.wharf.job-state.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}') },
    layers: [{ mediaType: 'application/vnd.wharf.job-state.v1.jsonl+zstd' }],
  });
});

test('a registry that wants no artifacts keeps it as an image', async () => {
  await using world = await startJobWorld(IMAGES);
  const when = { kind: 'manifest', method: 'PUT', path: 'wharf/state', nth: 1 } as const;
  world.target.faults.add({ when, action: refuse('MANIFEST_INVALID') });
  await openRunner(world).run();
  world.target.faults.clear();
  forget(world);
  expect((await openRunner(world).run()).notices).toEqual([]);
  expect(world.hub.counters).toMatchObject({ apiCalls: 2, manifestHeads: 0 });
});

test('what the budget deferred comes first the next time, on whichever machine', async () => {
  await using world = await startJobWorld(IMAGES, { hub: { limit: 6 } });
  const first = await openRunner(world).run();
  expect(first.tags.deferred).toBeGreaterThan(0);
  world.clock.advance(86_400_000);
  await openRunner(world).run();
  world.clock.advance(86_400_000);
  const third = await openRunner(world).run();
  expect(third.tags).toMatchObject({ deferred: 0, failed: 0 });
  expect(world.wrongTags()).toEqual([]);
});

test('a machine that is stopped keeps what it did so far', async () => {
  await using world = await startJobWorld(IMAGES);
  const stop = new AbortController();
  const when = { kind: 'manifest', path: 'library/redis' } as const;
  world.hub.faults.add({ when, action: hang() });
  const onEvent: RunOptions['onEvent'] = (event) => {
    if (event.type === 'finished') setImmediate(() => stop.abort(new Error('stopped')));
  };
  await expect(openRunner(world).run({ signal: stop.signal, onEvent })).rejects.toThrow('stopped');
  expect(kept(world)).toBeDefined();
});

test('two at once lose nothing of what either learnt', async () => {
  await using world = await startJobWorld(IMAGES);
  const [one, other] = [openRunner(world), openRunner(world)];
  await Promise.all([one.run(), other.run()]);
  forget(world);
  expect((await openRunner(world).run()).tags).toEqual(counts({ wanted: 6, upToDate: 6 }));
  expect(world.hub.counters).toMatchObject({ manifestHeads: 0, manifestGets: 0 });
});

test('a target that cannot keep it is copied to all the same, and the report says so', async () => {
  await using world = await startJobWorld(IMAGES);
  world.target.faults.add({ when: { path: 'wharf/state' }, action: refuse('DENIED') });
  const report = await openRunner(world).run();
  expect(report.tags).toEqual(counts({ wanted: 6, copied: 6 }));
  expect(report.notices).toEqual([
    expect.stringMatching(
      /^the state of the job at target-0\/wharf\/state:library is out of reach: .*so all is looked at$/,
    ),
    expect.stringMatching(/so the next run looks at more than it had to$/),
  ]);
});

const UNREADABLE: Readonly<Record<string, (world: JobWorld) => Promise<unknown>>> = {
  'is of other bytes than its digest': async (world) =>
    world.target.faults.add({ when: { kind: 'blob', method: 'GET', path: 'wharf/state' }, action: corruptAt(30) }),
  'is something else': async (world) =>
    world.target.faults.add({
      when: { kind: 'manifest', method: 'GET', path: 'wharf/state' },
      action: respond({ status: 200, body: '{}', headers: { 'content-type': 'application/json' } }),
    }),
  'is not compressed': async (world) => await putBytes(world, Buffer.from('{"format":1}\n')),
  'is no text of ours': async (world) => await putText(world, '\u0000\u0001\n'),
  'ends in the middle of a line': async (world) => await putText(world, '{"format":1,"scope":"x"}'),
  'is of another format': async (world) => await putText(world, '{"format":2,"scope":"x"}\n'),
  'is of another job': async (world) => await putText(world, '{"format":1,"scope":"x"}\n'),
  'is a bomb': async (world) => await putBytes(world, await compress(Buffer.alloc(100 * 1024 * 1024))),
};

const compress = promisify(zstdCompress);

async function putText(world: JobWorld, text: string): Promise<void> {
  await putBytes(world, await compress(Buffer.from(text)));
}

async function putBytes(world: JobWorld, bytes: Uint8Array): Promise<void> {
  await writeState(stateRepository(world), TAG, bytes, { createdAt: new Date(0) });
}

test.each(Object.entries(UNREADABLE))(
  'state that %s is not believed, and everything is looked at',
  async (_, spoil) => {
    await using world = await synced();
    await spoil(world);
    forget(world);
    const report = await openRunner(world).run();
    expect(report.tags).toEqual(counts({ wanted: 6, upToDate: 6 }));
    expect(report.notices[0]).toMatch(
      /^the state of the job at target-0\/wharf\/state:library .*, so all is looked at$/,
    );
    expect(world.target.counters.manifestHeads).toBeGreaterThanOrEqual(6);
  },
);

test('forged state keeps tags from being copied until the next --full, and no longer', async () => {
  await using world = await synced();
  world.hub.rebuild('library/nginx', '1.27');
  const news = new Map(world.hub.expected().map(({ repository, tag, digest }) => [`${repository}:${tag}`, digest]));
  await forge(world, (honest) => ({
    ...honest,
    copied: honest.copied.map((tags) =>
      tags.map((one) => {
        const digest = news.get(`${one.repository}:${one.tag}`) ?? one.sourceDigest;
        const isForged = digest !== one.sourceDigest;
        return isForged ? { ...one, sourceDigest: digest, targetDigest: digest, checkedAt: new Date(8e15) } : one;
      }),
    ),
  }));
  expect((await openRunner(world).run()).tags.copied).toBe(0);
  const report = await openRunner(world).run({ isAnew: true });
  expect(report.tags.copied).toBe(3);
  expect(world.wrongTags()).toEqual([]);
});

test('forged state makes no tag mean what the upstream does not say', async () => {
  // More than a page of the web API lists, so that some of what is remembered is not asked for.
  const many = Array.from({ length: 110 }, (_, nth) => catalogImage('nginx', [`1.${nth}`]));
  await using world = await synced({}, many);
  const older = world.target.content.manifest(NGINX, '1.1')?.digest;
  if (older === undefined) throw new Error('the target has 1.1');
  await forge(world, (honest) => ({
    ...honest,
    copied: [],
    known: honest.known.map(({ tags, ...one }) => ({
      ...one,
      unchangedBeforeMs: 8e15,
      tags: new Map([...tags].map(([tag]) => [tag, { digest: older }])),
    })),
  }));
  forget(world);
  expect((await openRunner(world).run()).tags.upToDate).toBe(110);
  expect(world.wrongTags()).toEqual([]);
  expect(world.hub.counters.manifestGets).toBe(0);
});

test('state at a target takes nothing away there, whatever the job says', async () => {
  await using world = await synced();
  const { catalog } = world.job({}, { images: [REDIS] });
  const report = await openRunner(world).run({}, { pruneAfterMs: 0, catalog });
  expect(report).toMatchObject({ tags: { wanted: 2 }, notices: [] });
  expect(world.target.content.tags(NGINX)).toEqual(['1', '1.26', '1.27', 'latest']);
});

test('the tag is the name of the job, or as near as a tag can be', () => {
  expect(stateTag('library')).toBe('library');
  expect(stateTag('images of ghcr.io')).toMatch(/^job-images-of-ghcr\.io-[0-9a-f]{8}$/);
  expect(stateTag('-x')).not.toBe(stateTag('x'));
});
