/**
 * Cuts a stream into streams of `pieceBytes` each, the last one shorter. Each piece must be read to its end before the
 * next is asked for; nothing is buffered but what is left of one chunk. Ending the iteration early cancels the stream.
 */
export async function* splitStream(
  body: ReadableStream<Uint8Array>,
  pieceBytes: number,
): AsyncGenerator<ReadableStream<Uint8Array>> {
  const reader = body.getReader();
  let rest: Uint8Array | undefined;
  const nextChunk = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const chunk = rest ?? (await reader.read()).value;
      rest = undefined;
      if (chunk === undefined || chunk.byteLength > 0) return chunk;
    }
  };
  try {
    for (rest = await nextChunk(); rest !== undefined; rest = await nextChunk()) {
      let left = pieceBytes;
      yield new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const chunk = left > 0 ? await nextChunk() : undefined;
            if (chunk === undefined) {
              controller.close();
              return;
            }
            const piece = chunk.subarray(0, left);
            if (piece.byteLength < chunk.byteLength) rest = chunk.subarray(left);
            left -= piece.byteLength;
            controller.enqueue(piece);
          },
          cancel: (reason) => reader.cancel(reason),
        },
        { highWaterMark: 0 },
      );
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
