import type { InclusiveRange } from '../store/blob-bytes.ts';

/**
 * A part of a body that fails at its end when it is not what it should be. All of it is read, and the part's last bytes are
 * held back until it has ended well.
 */
export function partOf(body: ReadableStream<Uint8Array>, { first, last }: InclusiveRange): ReadableStream<Uint8Array> {
  let position = 0;
  let held: Uint8Array | undefined;
  const part = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const wanted = chunk.subarray(Math.max(0, first - position), Math.max(0, last + 1 - position));
      position += chunk.byteLength;
      if (wanted.byteLength === 0) return;
      if (held !== undefined) controller.enqueue(held);
      held = wanted;
    },
    flush(controller) {
      if (held !== undefined) controller.enqueue(held);
    },
  });
  return body.pipeThrough(part);
}
