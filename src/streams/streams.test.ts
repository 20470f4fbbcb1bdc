import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { readAll } from './read-all.ts';
import { splitStream } from './split-stream.ts';
import { verifyDigest } from './verify-digest.ts';

const streamOf = (...chunks: Uint8Array[]) => ReadableStream.from<Uint8Array>(chunks);
const encode = (text: string) => new TextEncoder().encode(text);

async function received(stream: ReadableStream<Uint8Array>): Promise<{ text: string; error?: unknown }> {
  let text = '';
  try {
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
    return { text };
  } catch (error) {
    return { text, error };
  }
}

describe('a verified stream', () => {
  test('hands out the bytes that hash right, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array(), { maxLength: 6 }),
        fc.constantFrom<'sha256' | 'sha512'>('sha256', 'sha512'),
        async (chunks, algorithm) => {
          const whole = Buffer.concat(chunks);
          const digest = digestOf(whole, algorithm);
          const stream = verifyDigest(streamOf(...chunks), { digest, sizeBytes: whole.byteLength });
          expect(Buffer.from(await readAll(stream, 1e6)).equals(whole)).toBe(true);
        },
      ),
    );
  });

  test('never hands out the last byte of a wrong body', async () => {
    const expected = { digest: digestOf('hello world'), sizeBytes: 11 };
    const { text, error } = await received(verifyDigest(streamOf(encode('hello '), encode('WORLD')), expected));
    expect(text).toBe('hello ');
    expect(error).toHaveProperty('code', 'DIGEST_INVALID');
  });

  test('fails for a body that is too short or too long', async () => {
    const expected = { digest: digestOf('hello'), sizeBytes: 5 };
    expect((await received(verifyDigest(streamOf(encode('hell')), expected))).error).toHaveProperty(
      'code',
      'SIZE_INVALID',
    );
    expect((await received(verifyDigest(streamOf(encode('hello!')), expected))).error).toHaveProperty(
      'code',
      'SIZE_INVALID',
    );
    expect((await received(verifyDigest(streamOf(encode('hello'), encode('!')), expected))).error).toHaveProperty(
      'code',
      'SIZE_INVALID',
    );
    expect((await received(verifyDigest(streamOf(), expected))).error).toHaveProperty('code', 'SIZE_INVALID');
  });

  test('fails for an empty body under the digest of another', async () => {
    expect((await received(verifyDigest(streamOf(), { digest: digestOf('x'), sizeBytes: 0 }))).error).toHaveProperty(
      'code',
      'DIGEST_INVALID',
    );
  });

  test('cancels what it reads when it is cancelled', async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
    await verifyDigest(body, { digest: digestOf('x'), sizeBytes: 1 }).cancel();
    expect(isCancelled).toBe(true);
  });
});

test('a body is never read beyond its bound', async () => {
  await expect(readAll(streamOf(encode('12345'), encode('6')), 5)).rejects.toHaveProperty('code', 'SIZE_INVALID');
});

test('a split stream gives the same bytes in pieces of the size asked for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array(), { maxLength: 6 }),
      fc.integer({ min: 1, max: 20 }),
      async (chunks, size) => {
        const whole = Buffer.concat(chunks);
        const pieces: Uint8Array[] = [];
        for await (const piece of splitStream(streamOf(...chunks), size)) pieces.push(await readAll(piece, 1e6));
        expect(Buffer.concat(pieces).equals(whole)).toBe(true);
        expect(pieces.slice(0, -1).every((piece) => piece.byteLength === size)).toBe(true);
        expect(pieces.length).toBe(Math.ceil(whole.byteLength / size));
      },
    ),
  );
});
