import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { digestOf } from '../oci/digest.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { PaidManifests } from './paid-manifests.ts';

let folder: string;
let clock: FakeClock;
const now = () => clock.now();

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-paid-'));
  clock = new FakeClock();
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** An index of so many bytes. */
function manifestOf(name: string, sizeBytes = 500, algorithm: 'sha256' | 'sha512' = 'sha256'): Manifest {
  const content = { schemaVersion: 2, manifests: [], annotations: { name } };
  const bytes = Buffer.from(JSON.stringify(content).padEnd(sizeBytes));
  return { digest: digestOf(bytes, algorithm), bytes, mediaType: readManifest(bytes).mediaType };
}

async function filesIn(): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

test('what was put is there, byte for byte, for other processes too', async () => {
  const manifests = [manifestOf('one'), manifestOf('two', 600, 'sha512')];
  const paid = new PaidManifests(folder, { now });
  for (const manifest of manifests) await paid.put(manifest);
  const other = new PaidManifests(folder, { now });
  for (const manifest of manifests) expect(await other.get(manifest.digest)).toEqual(manifest);
  expect(await other.get(digestOf('three'))).toBeUndefined();
});

test('putting it again, or from several sides at once, is no error, and leaves nothing else behind', async () => {
  const manifest = manifestOf('one');
  const sides = [new PaidManifests(folder, { now }), new PaidManifests(folder, { now })];
  await Promise.all([...sides, ...sides].map((side) => side.put(manifest)));
  expect(await filesIn()).toHaveLength(1);
});

test('wrong bytes are not kept', async () => {
  const paid = new PaidManifests(folder, { now });
  await expect(paid.put({ ...manifestOf('one'), bytes: manifestOf('two').bytes })).rejects.toThrow(
    /^the bytes to keep as manifest sha256:[0-9a-f]{64} hash to something else$/,
  );
  expect(await filesIn()).toEqual([]);
});

test('a file that no longer holds the right bytes is removed instead of read', async () => {
  const paid = new PaidManifests(folder, { now });
  for (const wrong of ['', 'garbage', ' '.repeat(5 * 1024 * 1024)]) {
    const manifest = manifestOf('one');
    await paid.put(manifest);
    const [file = ''] = await filesIn();
    expect((await readFile(file)).equals(manifest.bytes)).toBe(true);
    await writeFile(file, wrong);
    expect(await paid.get(manifest.digest)).toBeUndefined();
    expect(await filesIn()).toEqual([]);
  }
});

test('what is deleted is gone, and deleting it again is no error', async () => {
  const paid = new PaidManifests(folder, { now });
  const manifest = manifestOf('one');
  await paid.put(manifest);
  await paid.delete(manifest.digest);
  await paid.delete(manifest.digest);
  expect(await paid.get(manifest.digest)).toBeUndefined();
});

test('when there are too many bytes the oldest go', async () => {
  const paid = new PaidManifests(folder, { now, maxBytes: 10_000 });
  const manifests = Array.from({ length: 25 }, (_, index) => manifestOf(`image-${index}`, 1000));
  for (const manifest of manifests) {
    await paid.put(manifest);
    clock.advance(1000);
  }
  const kept = await Promise.all(manifests.map(async ({ digest }) => (await paid.get(digest)) !== undefined));
  const first = kept.indexOf(true);
  expect(first).toBeGreaterThanOrEqual(15);
  expect(first).toBeLessThanOrEqual(16);
  expect(kept.slice(first)).not.toContain(false);
});

test('what is too old goes, and what killed processes left behind', async () => {
  const paid = new PaidManifests(folder, { now, maxAgeMs: 86_400_000 });
  const [old, young] = [manifestOf('old'), manifestOf('young')];
  await paid.put(old);
  const [file = ''] = await filesIn();
  await writeFile(`${file}.stray.new`, 'half');
  await utimes(`${file}.stray.new`, clock.now() / 1000, clock.now() / 1000);
  await paid.sweep();
  expect(await filesIn()).toHaveLength(2);
  clock.advance(80_000_000);
  await paid.put(young);
  clock.advance(10_000_000);
  await paid.sweep();
  expect(await paid.get(old.digest)).toBeUndefined();
  expect(await paid.get(young.digest)).toEqual(young);
  expect(await filesIn()).toHaveLength(1);
});

test('a folder that cannot be written is said with its path', async () => {
  await writeFile(path.join(folder, 'manifests-v1'), '');
  const paid = new PaidManifests(folder, { now });
  await expect(paid.put(manifestOf('one'))).rejects.toThrow(UsageError);
  await expect(paid.put(manifestOf('one'))).rejects.toThrow(/manifests-v1 cannot be used \(\w+\); check its folder/);
});
