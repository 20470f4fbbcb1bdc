import { expect, test } from 'vitest';
import { batches } from './batches.ts';

const KIB = 1024;

/** A source that says how many of its chunks were asked for. */
function source(...chunks: readonly (Uint8Array | Error)[]) {
  const queue = [...chunks];
  const asked = { count: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = queue.shift();
        if (next instanceof Error) return controller.error(next);
        if (next === undefined) return controller.close();
        asked.count += 1;
        controller.enqueue(next);
      },
    },
    { highWaterMark: 0 },
  );
  return { reader: stream.getReader(), asked };
}

const chunk = (text: string) => new TextEncoder().encode(text);
const textOf = (batch: readonly Uint8Array[]) => batch.map((part) => new TextDecoder().decode(part)).join('|');
/** Long enough for whatever is ready. */
const settle = () => new Promise((resolve) => void setImmediate(resolve));

test('the first chunk waits for no other, and those that came meanwhile come together', async () => {
  const { reader } = source(chunk('a'), chunk('b'), chunk('c'));
  const found: string[] = [];
  for await (const batch of batches(reader)) {
    found.push(textOf(batch));
    await settle();
  }
  expect(found).toEqual(['a', 'b|c']);
});

test('a source is not read further ahead than half a megabyte', async () => {
  const { reader, asked } = source(...Array.from({ length: 100 }, () => new Uint8Array(64 * KIB)));
  let sizeBytes = 0;
  for await (const batch of batches(reader)) {
    await settle();
    sizeBytes += batch.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(asked.count * 64 * KIB - sizeBytes).toBeLessThanOrEqual(512 * KIB);
  }
  expect(sizeBytes).toBe(6400 * KIB);
});

test('what came before a failure comes before it', async () => {
  const { reader } = source(chunk('a'), chunk('b'), new Error('gone'));
  const found: string[] = [];
  const reading = (async () => {
    for await (const batch of batches(reader)) {
      found.push(textOf(batch));
      await settle();
    }
  })();
  await expect(reading).rejects.toThrow('gone');
  expect(found).toEqual(['a', 'b']);
});

test('an empty chunk is not the end', async () => {
  const { reader } = source(chunk(''), chunk('a'));
  const found: string[] = [];
  for await (const batch of batches(reader)) found.push(textOf(batch));
  expect(found).toEqual(['a']);
});

test('a source that sends its bytes one by one is not read far ahead either', async () => {
  const { reader } = source(...Array.from({ length: 500 }, () => chunk('a')));
  for await (const batch of batches(reader)) {
    await settle();
    expect(batch.length).toBeLessThanOrEqual(64);
  }
});
