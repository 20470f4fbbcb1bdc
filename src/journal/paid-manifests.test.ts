import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { systemClock } from '../async/clock.ts';
import { digestOf } from '../oci/digest.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { FileLock } from '../database/file-lock.ts';
import { PaidManifests } from './paid-manifests.ts';

let folder: string;
let clock: FakeClock;

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
  const paid = new PaidManifests(folder, { clock });
  for (const manifest of manifests) await paid.put(manifest);
  const other = new PaidManifests(folder, { clock });
  for (const manifest of manifests) expect(await other.get(manifest.digest)).toEqual(manifest);
  expect(await other.get(digestOf('three'))).toBeUndefined();
});

test('putting it again, or from several sides at once, is no error, and leaves nothing else behind', async () => {
  const manifest = manifestOf('one');
  const sides = [new PaidManifests(folder, { clock }), new PaidManifests(folder, { clock })];
  await Promise.all([...sides, ...sides].map((side) => side.put(manifest)));
  expect(await filesIn()).toHaveLength(1);
});

test('wrong bytes are not kept', async () => {
  const paid = new PaidManifests(folder, { clock });
  await expect(paid.put({ ...manifestOf('one'), bytes: manifestOf('two').bytes })).rejects.toThrow(
    /^the bytes to keep as manifest sha256:[0-9a-f]{64} hash to something else$/,
  );
  expect(await filesIn()).toEqual([]);
});

test('a file that no longer holds the right bytes is removed instead of read', async () => {
  const paid = new PaidManifests(folder, { clock });
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

describe('what is paid for', () => {
  /** As the authority brings it: not at once. */
  function authority(manifest: Manifest) {
    const counts = { payments: 0 };
    const pay = async () => {
      counts.payments += 1;
      await nextTurn();
      return manifest;
    };
    return { counts, pay };
  }

  test('is kept, and not paid for again', async () => {
    const paid = new PaidManifests(folder, { clock });
    const { counts, pay } = authority(manifestOf('one'));
    for (let times = 0; times < 2; times += 1) {
      expect(await paid.getOrPay(digestOf(manifestOf('one').bytes), pay)).toEqual(manifestOf('one'));
    }
    expect(counts.payments).toBe(1);
  });

  test('is paid for by one of the processes that want it at the same time', async () => {
    const sides = Array.from({ length: 3 }, () => new PaidManifests(folder, { clock: systemClock }));
    const one = manifestOf('one');
    const { counts, pay } = authority(one);
    expect(await Promise.all(sides.map((side) => side.getOrPay(one.digest, pay)))).toEqual([one, one, one]);
    expect(counts.payments).toBe(1);
  });

  test('is paid for by the next when the first one fails', async () => {
    const paid = new PaidManifests(folder, { clock });
    const one = manifestOf('one');
    await expect(paid.getOrPay(one.digest, () => Promise.reject(new Error('no pulls')))).rejects.toThrow('no pulls');
    expect(await paid.getOrPay(one.digest, authority(one).pay)).toEqual(one);
  });

  test('is paid for twice rather than never, when who pays for it does not go on', async () => {
    const one = manifestOf('one');
    const locks = path.join(folder, 'manifests-v1', 'paying');
    await mkdir(locks, { recursive: true });
    using stopped = FileLock.take(path.join(locks, `${one.digest.slice('sha256:'.length).slice(0, 3)}.lock`));
    expect(stopped).toBeDefined();
    expect(await new PaidManifests(folder, { clock }).getOrPay(one.digest, authority(one).pay)).toEqual(one);
    expect(clock.elapsedMs).toBeGreaterThanOrEqual(60_000);
  });
});

test('what is deleted is gone, and deleting it again is no error', async () => {
  const paid = new PaidManifests(folder, { clock });
  const manifest = manifestOf('one');
  await paid.put(manifest);
  await paid.delete(manifest.digest);
  await paid.delete(manifest.digest);
  expect(await paid.get(manifest.digest)).toBeUndefined();
});

test('when there are too many bytes the oldest go', async () => {
  const paid = new PaidManifests(folder, { clock, maxBytes: 10_000 });
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
  const paid = new PaidManifests(folder, { clock, maxAgeMs: 86_400_000 });
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
  const paid = new PaidManifests(folder, { clock });
  await expect(paid.put(manifestOf('one'))).rejects.toThrow(UsageError);
  await expect(paid.put(manifestOf('one'))).rejects.toThrow(/manifests-v1 cannot be used \(\w+\); check its folder/);
});

describe('a clock that jumps', () => {
  test('back: what was kept before is found, and goes when there is no room like all others', async () => {
    const paid = new PaidManifests(folder, { clock, maxBytes: 2_500 });
    const before = manifestOf('before', 1000);
    await paid.put(before);
    clock.advance(-7 * 86_400_000);
    await paid.sweep();
    expect(await paid.get(before.digest)).toEqual(before);
    for (const name of ['one', 'two']) await paid.put(manifestOf(name, 1000));
    expect(await filesIn()).toHaveLength(2);
  });

  test('forth by days, and back again: nothing is lost', async () => {
    const paid = new PaidManifests(folder, { clock });
    const kept = manifestOf('kept');
    await paid.put(kept);
    clock.advance(7 * 86_400_000);
    await paid.sweep();
    clock.advance(-7 * 86_400_000);
    await paid.sweep();
    expect(await paid.get(kept.digest)).toEqual(kept);
  });
});
