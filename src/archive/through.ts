import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What a transform of Node makes of the bytes. Ends both sides when either fails or the iteration is left. */
export async function* through(body: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const flow = pipeline(body, transform);
  // The iteration throws the same.
  flow.catch(() => undefined);
  try {
    yield* transform as AsyncIterable<Uint8Array>;
    await flow;
  } finally {
    transform.destroy();
    await flow.catch(() => undefined);
  }
}

/** The same bytes, and at least `count` of the first ones where there are so many. */
export async function peek(
  body: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ readonly head: Uint8Array; readonly body: AsyncGenerator<Uint8Array> }> {
  const chunks = body[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.byteLength < count) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { head, body: whole() };
}
