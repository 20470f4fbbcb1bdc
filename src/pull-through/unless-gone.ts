/** What was asked goes on without the client: its signal ends its own waiting alone. */
export async function unlessGone<T>(asking: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await asking;
  // Of a client that is gone before it waits, nobody hears how the asking ends.
  asking.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([asking, gone]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
