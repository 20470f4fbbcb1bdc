// What a sync does besides the plain case, on a library small enough to look at every part of it.
import { describe, expect, test } from 'vitest';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import type { ExpectedTag } from '../support/programs/hub-process.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { inspectBySkopeo, pullBySkopeo } from '../support/programs/skopeo.ts';
import { manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry', 'skopeo');

describe.skipIf(missing !== undefined)(`wharf sync of a small library${skipNote(missing)}`, () => {
  test('a first run copies everything, and a second one nothing', async () => {
    await using world = await openSyncWorld();
    const { code, report } = await world.sync();
    expect(code).toBe(0);
    expect(report.tags.copied).toBe((await world.hub.expected()).length);
    expect(await world.missing()).toEqual([]);
    await world.hub.resetCounters();
    const again = await world.sync();
    expect(again.code).toBe(0);
    expect(again.report.tags.upToDate).toBe(again.report.tags.wanted);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: 0, blobGets: 0 });
  });

  test('a rebuild of one image upstream moves its tags and no others', async () => {
    await using world = await openSyncWorld();
    await world.sync();
    const before = await world.hub.expected();
    await world.hub.rebuild('library/nginx', '1.29-alpine');
    const moved = difference(await world.hub.expected(), before);
    expect(moved).toEqual(['library/nginx:1.29-alpine']);
    const { code, report } = await world.sync();
    expect(code).toBe(0);
    expect(report.tags).toMatchObject({ copied: 1, upToDate: before.length - 1 });
    expect(await world.missing()).toEqual([]);
  });

  test.each([
    ['is gone', ['refuse', 'MANIFEST_UNKNOWN'], 'MANIFEST_UNKNOWN'],
    ['cannot be served', ['respond', { status: 500 }], 'SERVER_ERROR'],
  ] as const)('an image of which a part %s fails alone', async (_what, action, code) => {
    await using world = await openSyncWorld();
    const expected = await world.hub.expected();
    const bad = expected.find(({ repository, tag }) => repository === 'library/nginx' && tag === '1.29-alpine')!;
    await world.hub.setFaults({ when: { kind: 'manifest', method: 'GET', path: bad.children[0]! }, action });
    const run = await world.sync();
    expect(run.code).toBe(1);
    expect(run.report.tags).toMatchObject({ failed: 1, copied: expected.length - 1 });
    expect(run.report.failures).toMatchObject([
      { reference: 'docker.io/library/nginx:1.29-alpine', origin: 'source', code },
    ]);
    expect(await world.target.digest(bad.repository, bad.tag)).toBeUndefined();
    expect(await world.target.broken()).toEqual([]);
    const others = expected.filter((tag) => tag !== bad);
    expect(await world.target.missing(manifestsOf(others))).toEqual([]);

    await world.hub.setFaults();
    expect(await world.sync()).toMatchObject({ code: 0, report: { tags: { copied: 1 } } });
    expect(await world.missing()).toEqual([]);
  });

  test('a choice of platforms gives images of these alone, which other clients can read', async () => {
    await using world = await openSyncWorld();
    const chosen = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];
    const { code, report } = await world.sync(chosen);
    expect(report.failures).toEqual([]);
    expect(code).toBe(0);
    expect(report.tags).toMatchObject({ failed: 0, copied: report.tags.wanted });
    expect(await world.target.broken()).toEqual([]);
    expect(await world.target.tags('library/hello-world')).not.toContain('nanoserver');
    const reference = `${world.registry.host}/library/python:latest`;
    await pullBySkopeo(reference);
    expect(await inspectBySkopeo(reference, 'linux', 'arm64')).toMatchObject({ Architecture: 'arm64' });
    await expect(inspectBySkopeo(reference, 'linux', 's390x')).rejects.toThrow('s390x');
    const again = await world.sync(chosen);
    expect(again.report.tags.upToDate).toBe(again.report.tags.wanted);
  });

  test('the report says that a choice of platforms rewrites indexes', async () => {
    await using world = await openSyncWorld();
    const { report } = await world.sync(['--platform', 'linux/amd64']);
    expect(report.notices).toContainEqual(expect.stringMatching(/platform/));
  });

  test('a target may be a prefix', async () => {
    await using world = await openSyncWorld();
    const port = new URL(world.registry.url).port;
    expect(await world.sync(['--to', `localhost:${port}/mirror/`])).toMatchObject({ code: 0 });
    const expected = (await world.hub.expected()).map((tag) => ({
      ...tag,
      repository: tag.repository.replace(/^library/, 'mirror'),
    }));
    expect(await world.target.missing(manifestsOf(expected))).toEqual([]);
  });

  test('of two targets at once, the second costs the upstream nothing', async () => {
    await using world = await openSyncWorld();
    await using second = await startDockerRegistry();
    const { code, report } = await world.sync(['--to', world.registry.url, '--to', second.url]);
    expect(code).toBe(0);
    expect(Object.keys(report.targets).toSorted()).toEqual([world.registry.host, second.host].toSorted());
    const expected = manifestsOf(await world.hub.expected());
    expect(await world.target.missing(expected)).toEqual([]);
    expect(await new RegistryProbe(second.url).missing(expected)).toEqual([]);
    const { manifestGets, manifestGetsByDigest, blobGets } = await world.hub.counters();
    expect(Object.values(manifestGetsByDigest).filter((times) => times > 1)).toEqual([]);
    expect(manifestGets).toBe(new Set(expected.map(({ digest }) => digest)).size);
    expect(blobGets).toBe(report.targets[world.registry.host]?.blobPuts);
  });
});

function difference(now: readonly ExpectedTag[], before: readonly ExpectedTag[]): string[] {
  const known = new Set(before.map(({ repository, tag, digest }) => `${repository}:${tag}@${digest}`));
  return now.flatMap(({ repository, tag, digest }) =>
    known.has(`${repository}:${tag}@${digest}`) ? [] : [`${repository}:${tag}`],
  );
}
