import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAll } from '../streams/read-all.ts';
import { partOf } from './part-of.ts';

const bytes = Uint8Array.from({ length: 64 }, (_, at) => at);
const chunked = (sizes: readonly number[]) => {
  const ends = sizes.reduce<number[]>((sums, size) => [...sums, (sums.at(-1) ?? 0) + size], [0]);
  return ends.map((start, nth) => bytes.subarray(start, ends[nth + 1] ?? bytes.byteLength));
};

test('however the body is cut, the part is its bytes from the first to the last', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 }),
      fc.nat(63),
      fc.nat(63),
      async (sizes, one, other) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        const part = partOf(ReadableStream.from(chunked(sizes)), { first, last });
        expect(await readAll(part, 64)).toEqual(bytes.subarray(first, last + 1));
      },
    ),
  );
});

test('the part is not whole before the body has ended well', async () => {
  const body = ReadableStream.from(
    (async function* () {
      yield bytes;
      throw new Error('it hashes wrong');
    })(),
  );
  const reader = partOf(body, { first: 0, last: 9 }).getReader();
  await expect(reader.read()).rejects.toThrow('it hashes wrong');
});
