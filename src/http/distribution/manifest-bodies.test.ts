import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts';
import { ManifestBodies } from './manifest-bodies.ts';
import type { HttpRequest } from './request.ts';

const CHUNK = new Uint8Array(64 * 1024);
const TWO_TURNS = 2 * MAX_MANIFEST_BYTES;

/** A request whose body comes as it is sent here, and that tells how much of it was taken. */
class Sender {
  readonly #ended = Promise.withResolvers<void>();
  readonly #left = new AbortController();
  readonly request: HttpRequest;
  takenChunks = 0;

  constructor(chunks: number) {
    this.request = {
      method: 'PUT',
      path: '/',
      query: new URLSearchParams(),
      header: () => undefined,
      body: this.#send(chunks),
      remoteAddress: '',
      localPort: undefined,
      signal: this.#left.signal,
    };
  }

  async *#send(chunks: number) {
    for (; this.takenChunks < chunks; this.takenChunks += 1) yield CHUNK;
    await this.#ended.promise;
  }

  end(): void {
    this.#ended.resolve();
  }

  leave(): void {
    this.#left.abort(new Error('the client left'));
  }
}

const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
};

test('large manifests are read so many at a time, and the next when one of them is done with', async () => {
  const bodies = new ManifestBodies(TWO_TURNS);
  const senders = Array.from({ length: 5 }, () => new Sender(10));
  const reads = senders.map(({ request }) => bodies.read(request));
  await settle();
  expect(senders.map(({ takenChunks }) => takenChunks)).toEqual([10, 10, 1, 1, 1]);
  senders[0]?.end();
  const held = await reads[0];
  await settle();
  expect(senders[2]?.takenChunks).toBe(1);
  held?.[Symbol.dispose]();
  await settle();
  expect(senders.map(({ takenChunks }) => takenChunks)).toEqual([10, 10, 10, 1, 1]);
  for (const sender of senders) sender.end();
  for (const read of reads) (await read)[Symbol.dispose]();
});

test('small manifests wait for nobody', async () => {
  const bodies = new ManifestBodies(TWO_TURNS);
  const slow = Array.from({ length: 3 }, () => new Sender(10));
  for (const { request } of slow) void bodies.read(request);
  const small = new Sender(1);
  small.end();
  using held = await bodies.read(small.request);
  expect(held.bytes.byteLength).toBe(CHUNK.byteLength);
});

test('whoever is too large or leaves gives its turn back, and whoever leaves while it waits takes none', async () => {
  const bodies = new ManifestBodies(MAX_MANIFEST_BYTES);
  await expect(bodies.read(new Sender(65).request)).rejects.toMatchObject({ status: 413, code: 'SIZE_INVALID' });
  const [first, second, third] = [new Sender(2), new Sender(2), new Sender(2)];
  const reads = [first, second, third].map(({ request }) => bodies.read(request));
  await settle();
  second.leave();
  await expect(reads[1]).rejects.toThrow('the client left');
  first.end();
  third.end();
  (await reads[0])?.[Symbol.dispose]();
  expect((await reads[2])?.bytes.byteLength).toBe(2 * CHUNK.byteLength);
});
