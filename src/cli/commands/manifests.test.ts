import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attestationOf, forPlatform, image, index, store } from '../../../test/support/image-graph.ts';
import { corruptAt } from '../../../test/support/origin/fault-actions.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import type { MemoryContent } from '../../../test/support/registry/memory-content.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import { main } from '../main.ts';

let folder: string;
let registry: Registry;
const amd64 = forPlatform(image('web'), 'linux/amd64');
const arm64 = forPlatform(image('web-arm'), 'linux/arm64');
const web = index(amd64, arm64, attestationOf(amd64));
const other = image('other');

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-manifests-command-'));
  registry = await startRegistry();
  store(registry, 'team/web', web, '1', 'latest');
  store(registry, 'other', other, 'v1');
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function manifests(...args: readonly string[]) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(['manifests', ...args], terminal);
  return { ...said, exitCode };
}

const read = async (name: string) => await readFile(path.join(folder, 'manifests', name));

async function files(): Promise<string[]> {
  const entries = await readdir(path.join(folder, 'manifests'), { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => path.join(parentPath, name));
  return names.map((name) => path.relative(path.join(folder, 'manifests'), name)).toSorted();
}

const byDigest = (digest: string) => `${digest.replace(':', '/')}.json`;

describe('a dump by digest', () => {
  test('has every manifest, byte for byte, under its digest, and a table of the tags', async () => {
    const { exitCode, out } = await manifests(`${registry.url}/team/web:*`, `${registry.url}/other:v1`);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^manifests: 3 tags: 3 written; 5 files fetched, 0 there before; .* s\n$/);
    const all = [web, ...web.children, other];
    expect(await files()).toEqual([...all.map(({ manifest: { digest } }) => byDigest(digest)), 'tags.tsv'].toSorted());
    for (const { manifest } of all) expect(await read(byDigest(manifest.digest))).toEqual(manifest.bytes);
    const host = new URL(registry.url).host;
    const row = (label: string, { manifest: { digest, mediaType, bytes } }: typeof web) =>
      [`${host}/${label}`, digest, mediaType, bytes.byteLength].join('\t');
    const rows = [row('other:v1', other), row('team/web:1', web), row('team/web:latest', web)];
    expect((await read('tags.tsv')).toString()).toBe(`${rows.join('\n')}\n`);
  });

  test('fetches nothing twice, and again only what was damaged', async () => {
    await manifests(`${registry.url}/team/web:*`);
    expect(registry.counters.manifestGets).toBe(4);
    const again = await manifests(`${registry.url}/team/web:*`);
    expect(again.out).toMatch(/2 tags: 2 up to date; 0 files fetched, 4 there before/);
    expect(registry.counters.manifestGets).toBe(4);
    await writeFile(path.join(folder, 'manifests', byDigest(arm64.manifest.digest)), 'damaged');
    expect((await manifests(`${registry.url}/team/web:*`)).out).toMatch(/2 written; 1 file fetched, 3 there before/);
    expect(await read(byDigest(arm64.manifest.digest))).toEqual(arm64.manifest.bytes);
  });

  test('keeps what was not asked for, unless it is to go', async () => {
    await manifests(`${registry.url}/team/web:1`, `${registry.url}/other:v1`);
    await manifests(`${registry.url}/other:v1`);
    expect(await files()).toHaveLength(4 + 1 + 1);
    const { out } = await manifests(`${registry.url}/other:v1`, '--prune');
    expect(out).toContain(', 4 removed');
    expect(await files()).toEqual([byDigest(other.manifest.digest), 'tags.tsv']);
    expect((await read('tags.tsv')).toString().split('\n')).toHaveLength(2);
  });

  test('removes nothing where a tag could not be looked at', async () => {
    await manifests(`${registry.url}/team/web:1`, `${registry.url}/other:v1`);
    const { exitCode, err } = await manifests(`${registry.url}/other:v1`, `${registry.url}/other:none`, '--prune');
    expect(exitCode).toBe(0);
    expect(err).toContain(`note: not there yet: ${registry.url}/other:none`);
    expect(await files()).toHaveLength(4 + 1 + 1);
  });

  test('of chosen platforms keeps the index as it is', async () => {
    await manifests(`${registry.url}/team/web:1`, '--platform', 'linux/arm64');
    expect(await files()).toEqual(
      [byDigest(web.manifest.digest), byDigest(arm64.manifest.digest), 'tags.tsv'].toSorted(),
    );
    expect(await read(byDigest(web.manifest.digest))).toEqual(web.manifest.bytes);
  });

  test('has the configs where they are asked for', async () => {
    await manifests(`${registry.url}/other:v1`, '--configs');
    const [config] = other.blobs;
    expect((await read(byDigest(config?.digest ?? ''))).toString()).toBe('{"name":"other"}');
  });
});

describe('a dump by tags', () => {
  test('has NAME:TAG.json, and NAME:TAG@DIGEST.json for what it names', async () => {
    await manifests(`${registry.url}/team/web:1`, `${registry.url}/other:v1`, '--names', 'tags', '--configs');
    const host = new URL(registry.url).host;
    const label = `${host}/team/web:1`;
    const below = web.children.flatMap(({ manifest: { digest } }) => [
      `${label}@${digest}.config.json`,
      `${label}@${digest}.json`,
    ]);
    const ofOther = [`${host}/other:v1.json`, `${host}/other:v1@${other.manifest.digest}.config.json`];
    expect(await files()).toEqual([...below, ...ofOther, `${label}.json`, 'tags.tsv'].toSorted());
    expect(await read(`${label}.json`)).toEqual(web.manifest.bytes);
    expect(await read(`${label}@${arm64.manifest.digest}.json`)).toEqual(arm64.manifest.bytes);
  });

  test('fetches for all tags of an image once, and follows a tag that moves', async () => {
    await manifests(`${registry.url}/team/web:*`, '--names', 'tags');
    expect(registry.counters.manifestGets).toBe(4);
    const moved = index(amd64, forPlatform(image('new'), 'linux/arm64'));
    store(registry, 'team/web', moved, 'latest');
    await manifests(`${registry.url}/team/web:*`, '--names', 'tags', '--prune');
    expect(registry.counters.manifestGets).toBe(4 + 2);
    const host = new URL(registry.url).host;
    expect(await read(`${host}/team/web:latest.json`)).toEqual(moved.manifest.bytes);
    const ofLatest = (await files()).filter((name) => name.includes(':latest@'));
    expect(ofLatest).toEqual(
      moved.children.map(({ manifest: { digest } }) => `${host}/team/web:latest@${digest}.json`).toSorted(),
    );
  });
});

test('one that fails does not stop the rest, and exits with 1', async () => {
  const action = corruptAt(20);
  registry.faults.add({ when: { kind: 'manifest', method: 'GET', path: 'team/web' }, action });
  const { exitCode, out } = await manifests(`${registry.url}/team/web:1`, `${registry.url}/other:v1`, '--json');
  expect(exitCode).toBe(1);
  const { tags, failures } = JSON.parse(out) as { tags: object; failures: { reference: string }[] };
  expect(tags).toMatchObject({ wanted: 2, written: 1, failed: 1 });
  expect(failures.map(({ reference }) => reference)).toEqual([`${registry.url}/team/web:1`]);
  expect(await files()).toEqual([byDigest(other.manifest.digest), 'tags.tsv']);
});

test('a manifest that an index names and nobody has is a failure, not something to come', async () => {
  (registry.content as MemoryContent).addManifest('broken', web.manifest, '1');
  const { exitCode, out, err } = await manifests(`${registry.url}/broken:1`);
  expect([exitCode, out]).toEqual([1, expect.stringContaining('1 tag: 1 failed')]);
  expect(err).toMatch(/^failed: \S+broken:1: .*has no manifest/m);
  expect(await files()).toEqual([]);
});

test('nothing named, and what excludes each other, is said in a sentence', async () => {
  expect(await manifests()).toMatchObject({ exitCode: 2, err: expect.stringContaining('nothing is named') });
  const both = await manifests(`${registry.url}/other:v1`, '--prune', '--since', '7d');
  expect(both.err).toContain('--prune and --since exclude each other');
});
