import type { Send } from '../../../src/remote/send.ts';

export interface Gate {
  readonly send: Send;
  /** How many bodies wait in the middle. */
  readonly waiting: () => number;
  open(): void;
}

/** Bodies of a path stop after so many bytes, until the gate is opened. */
export function gate(send: Send, path: RegExp, afterBytes: number): Gate {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  let waiting = 0;
  const gated: Send = async (request) => {
    const response = await send(request);
    if (!path.test(request.url.pathname)) return response;
    let seenBytes = 0;
    const halting = new TransformStream<Uint8Array, Uint8Array>(
      {
        async transform(chunk, controller) {
          const before = chunk.subarray(0, Math.max(0, afterBytes - seenBytes));
          seenBytes += chunk.byteLength;
          if (before.byteLength > 0) controller.enqueue(before);
          if (before.byteLength === chunk.byteLength) return;
          waiting += 1;
          await opened;
          waiting -= 1;
          controller.enqueue(chunk.subarray(before.byteLength));
        },
      },
      undefined,
      { highWaterMark: 0 },
    );
    const { status, headers, body } = response;
    return {
      status,
      headers,
      body: {
        bytes: (maxBytes) => body.bytes(maxBytes),
        discard: () => body.discard(),
        stream: () => body.stream().pipeThrough(halting),
      },
    };
  };
  return { send: gated, waiting: () => waiting, open };
}
