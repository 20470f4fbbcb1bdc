// The target of a sync, proved by the program itself, to the last bit on its disk.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VerifyReport } from '../../src/verify/report.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../support/programs/scratch-folder.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { type SyncWorld, openSyncWorld } from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry');
const LIBRARY = ['--catalog', `official-images:${SMALL_LIBRARY}`];

describe.skipIf(missing !== undefined)(`wharf verify of a sync target${skipNote(missing)}`, () => {
  const opened = new AsyncDisposableStack();
  let content: ScratchFolder;
  let world: SyncWorld;

  beforeAll(async () => {
    content = opened.use(await scratchFolder('verified', bulkStorage));
    world = opened.use(await openSyncWorld({ registry: { content: content.path } }));
    const { code, stderr } = await world.sync();
    if (code !== 0) throw new Error(`the sync ended with ${code}: ${stderr}`);
    await world.hub.resetCounters();
  });
  afterAll(() => opened.disposeAsync());

  async function verify(...args: readonly string[]): Promise<{ code: number; report: VerifyReport }> {
    const { code, stdout, stderr } = await world.wharf.run(['verify', world.registry.url, '--json', ...args]);
    if (!stdout.startsWith('{')) throw new Error(`there is no report: ${code}: ${stderr}`);
    return { code, report: JSON.parse(stdout) as VerifyReport };
  }

  test.each(['tags', 'manifests', 'layers', 'bytes'])('it is clean to its %s, and no pull is spent', async (depth) => {
    const tags = (await world.hub.expected()).length;
    const { code, report } = await verify(...LIBRARY, '--depth', depth);
    expect(report.mirrors).toMatchObject([{ counts: { same: tags }, findings: [], skipped: 0 }]);
    expect(report.tags).toMatchObject({ wanted: tags, resolved: tags });
    expect(code).toBe(0);
    expect(await world.hub.counters()).toMatchObject({ manifestGets: 0, blobGets: 0, cdnGets: 0 });
  });

  test('by what it holds itself it is clean as well', async () => {
    const tags = (await world.hub.expected()).length;
    const { code, report } = await verify('--all');
    expect([code, report.mirrors[0]?.counts.same, report.tags.wanted]).toEqual([0, tags, tags]);
  });

  test('an image that was built anew is stale there, and nothing else is', async () => {
    const [first] = await world.hub.expected();
    const { repository = '', tag = '', digest } = first ?? {};
    await world.hub.rebuild(repository, tag);
    const moved = (await world.hub.expected()).filter((one) => one.digest !== digest && one.repository === repository);
    const { code, report } = await verify('--all', '--include', repository.replace('library/', ''));
    const [mirror] = report.mirrors;
    const stale = mirror?.findings.filter(({ finding }) => finding === 'stale').map(({ reference }) => reference) ?? [];
    expect(code).toBe(1);
    expect(stale).toContain(`docker.io/${repository}:${tag}`);
    expect(mirror?.findings).toHaveLength(stale.length);
    expect(moved.map((one) => `docker.io/${one.repository}:${one.tag}`)).toEqual(expect.arrayContaining(stale));
    expect(mirror?.findings.find(({ reference }) => reference.endsWith(`:${tag}`))?.found).toBe(digest);
    expect((await world.sync()).code).toBe(0);
    expect((await verify(...LIBRARY)).code).toBe(0);
  });

  test('with one flipped bit on its disk it is not clean: the images with that layer, and no others, lie', async () => {
    const { digest, tags } = await flipBit(content.path, world);
    const { code, report } = await verify(...LIBRARY, '--depth', 'bytes');
    const findings = report.mirrors[0]?.findings ?? [];
    expect(findings.map(({ reference }) => reference)).toEqual(tags);
    for (const { finding, detail } of findings) {
      expect(finding).toBe('lying');
      expect(detail).toContain(`the layer ${digest}: `);
    }
    expect(code).toBe(1);
    const { stdout, stderr } = await world.wharf.run(['verify', world.registry.url, ...LIBRARY, '--depth', 'bytes']);
    expect(stdout).toMatch(/^MIRROR +SAME +STALE +MISSING +DIFFERENT +LYING/);
    expect(stdout).toMatch(/^lying: http:\/\/127\.0\.0\.1:\d+: \S+: the layer sha256:/m);
    expect(stderr).toMatch(/^\d+ tags; .* s$/m);
  });
});

/** In a layer's file; gives its digest, and all tags below which it is. */
async function flipBit(content: string, { hub, registry }: SyncWorld) {
  const file = await someLayer(path.join(content, 'docker/registry/v2/blobs/sha256'));
  const bytes = await readFile(file);
  const middle = Math.floor(bytes.byteLength / 2);
  await writeFile(file, bytes.with(middle, (bytes[middle] ?? 0) ^ 1));
  const digest = `sha256:${path.basename(path.dirname(file))}`;
  const tags: string[] = [];
  for (const { repository, tag, children } of await hub.expected()) {
    const manifests = await Promise.all(
      children.map(async (child) => {
        const accept =
          'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
        const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${child}`, { headers: { accept } });
        return await answer.text();
      }),
    );
    if (manifests.some((text) => text.includes(digest))) tags.push(`docker.io/${repository}:${tag}`);
  }
  return { digest, tags: tags.toSorted() };
}

async function someLayer(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.toSorted((one, other) => (one.parentPath < other.parentPath ? -1 : 1))) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(file)).subarray(0, 2).equals(GZIP)) return file;
  }
  throw new Error('the registry stores no layer');
}

const GZIP = Buffer.from([0x1f, 0x8b]);
