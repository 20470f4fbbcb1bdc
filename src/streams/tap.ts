/**
 * The same stream, with each chunk's length reported as it passes, and its end, however it came. `mapError` may give a
 * failure another name.
 */
export function tap(
  body: ReadableStream<Uint8Array>,
  hooks: {
    readonly onBytes?: (count: number) => void;
    readonly onEnd?: () => void;
    readonly mapError?: (error: unknown) => unknown;
  },
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            hooks.onEnd?.();
            controller.close();
          } else {
            hooks.onBytes?.(value.byteLength);
            controller.enqueue(value);
          }
        } catch (error) {
          hooks.onEnd?.();
          throw hooks.mapError?.(error) ?? error;
        }
      },
      async cancel(reason) {
        hooks.onEnd?.();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
