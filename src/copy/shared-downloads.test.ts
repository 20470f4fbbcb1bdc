import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Digest, digestOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { Source } from '../oci/repository.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import { SharedDownloads } from './shared-downloads.ts';

const BYTES = Buffer.alloc(700_000, 'wharf ');
const DIGEST = digestOf(BYTES);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-shared-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Gives its chunks when it is told to. */
class SlowSource {
  asked = 0;
  cancelled = 0;
  readonly #controllers: ReadableStreamDefaultController<Uint8Array>[] = [];

  readonly source: Source = {
    resolve: () => Promise.reject(new Error('nobody asks')),
    statBlob: () => Promise.resolve(undefined),
    manifest: (digest) => {
      this.asked += 1;
      return this.asked === 1
        ? Promise.reject(new Error('not now'))
        : Promise.resolve({ digest, mediaType: '', bytes: BYTES });
    },
    blob: (digest: Digest) => {
      this.asked += 1;
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void this.#controllers.push(controller),
        cancel: () => void (this.cancelled += 1),
      });
      const sizeBytes = BYTES.byteLength;
      return Promise.resolve({ sizeBytes, body: verifyDigest(body, { digest, sizeBytes }) });
    },
  };

  give(from: number, to: number, nth = 0): void {
    this.#controllers[nth]?.enqueue(BYTES.subarray(from, to));
    if (to === BYTES.byteLength) this.#controllers[nth]?.close();
  }

  fail(error: Error, nth = 0): void {
    this.#controllers[nth]?.error(error);
  }
}

const downloads = () => new SharedDownloads(() => Promise.resolve(folder));
const readAll = async (body: ReadableStream<Uint8Array>) => Buffer.concat(await Array.fromAsync(body));

test('who reads fast has it all while another has read nothing yet, and it was asked for once', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  const [fast, late] = await Promise.all([shared.blob(DIGEST), shared.blob(DIGEST)]);
  const reading = readAll(fast.body);
  slow.give(0, 300_000);
  slow.give(300_000, BYTES.byteLength);
  expect((await reading).equals(BYTES)).toBe(true);
  expect((await readAll(late.body)).equals(BYTES)).toBe(true);
  expect(slow.asked).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('what comes is handed on before the rest has come', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  const reader = (await shared.blob(DIGEST)).body.getReader();
  slow.give(0, 1_000);
  expect((await reader.read()).value?.byteLength).toBe(1_000);
  await reader.cancel();
});

test('a reader who gives up leaves the others their bytes', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  const [one, other] = await Promise.all([shared.blob(DIGEST), shared.blob(DIGEST)]);
  await one.body.cancel();
  slow.give(0, BYTES.byteLength);
  expect((await readAll(other.body)).equals(BYTES)).toBe(true);
  expect(slow.cancelled).toBe(0);
});

test('wrong bytes are complete for nobody', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  const { body } = await shared.blob(digestOf('something else'));
  slow.give(0, BYTES.byteLength);
  await expect(readAll(body)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
});

test('a download that broke off is begun anew by who asks again', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  const { body } = await shared.blob(DIGEST);
  slow.give(0, 1_000);
  slow.fail(new Error('gone'));
  await expect(readAll(body)).rejects.toThrow('gone');
  const again = await shared.blob(DIGEST);
  slow.give(0, BYTES.byteLength, 1);
  expect((await readAll(again.body)).equals(BYTES)).toBe(true);
});

test('two images share a blob until both are done, and then it is fetched again', async () => {
  const slow = new SlowSource();
  const all = downloads();
  const [one, other] = [all.of(slow.source), all.of(slow.source)];
  await Promise.all([one.blob(DIGEST), other.blob(DIGEST)]);
  slow.give(0, BYTES.byteLength);
  await one[Symbol.asyncDispose]();
  expect((await readAll((await other.blob(DIGEST)).body)).equals(BYTES)).toBe(true);
  await other[Symbol.asyncDispose]();
  expect(slow.asked).toBe(1);
  await using third = all.of(slow.source);
  await third.blob(DIGEST);
  expect(slow.asked).toBe(2);
});

test('what one image’s repository lacks another’s may have', async () => {
  const slow = new SlowSource();
  const lacking: Source = {
    ...slow.source,
    blob: () => Promise.reject(new OciError('BLOB_UNKNOWN')),
  };
  const all = downloads();
  await using first = all.of(lacking);
  await using second = all.of(slow.source);
  const [refused, had] = await Promise.allSettled([first.blob(DIGEST), second.blob(DIGEST)]);
  expect([refused.status, had.status]).toEqual(['rejected', 'fulfilled']);
});

test('a download that nobody needs any more is given up', async () => {
  const slow = new SlowSource();
  const shared = downloads().of(slow.source);
  const { body } = await shared.blob(DIGEST);
  slow.give(0, 1_000);
  await shared[Symbol.asyncDispose]();
  expect(slow.cancelled).toBe(1);
  await expect(readAll(body)).rejects.toThrow();
});

test('a folder that takes no file is said, and the body is let go', async () => {
  const slow = new SlowSource();
  await rm(folder, { recursive: true });
  await using shared = downloads().of(slow.source);
  await expect(shared.blob(DIGEST)).rejects.toThrow(/^the scratch folder takes no more/);
  expect(slow.cancelled).toBe(1);
});

test('a manifest is asked for once, and again when it could not be had', async () => {
  const slow = new SlowSource();
  await using shared = downloads().of(slow.source);
  await expect(shared.manifest(DIGEST)).rejects.toThrow('not now');
  await Promise.all([shared.manifest(DIGEST), shared.manifest(DIGEST)]);
  expect(slow.asked).toBe(2);
});

test('however the bytes are cut, every reader gets the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: BYTES.byteLength - 1 }), { maxLength: 8 }), async (cuts) => {
      const slow = new SlowSource();
      await using shared = downloads().of(slow.source);
      const bodies = await Promise.all([1, 2, 3].map(() => shared.blob(DIGEST)));
      const reading = Promise.all(bodies.map(({ body }) => readAll(body)));
      const ends = [...new Set([0, ...cuts, BYTES.byteLength])].toSorted((one, other) => one - other);
      for (const [nth, end] of ends.entries()) if (nth > 0) slow.give(ends[nth - 1] ?? 0, end);
      for (const bytes of await reading) expect(bytes.equals(BYTES)).toBe(true);
    }),
    { numRuns: 20 },
  );
});
