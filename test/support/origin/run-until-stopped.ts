/** Prints the URLs as one JSON line and waits for SIGTERM or SIGINT; then everything is disposed of, in this order. */
export async function runUntilStopped(
  urls: Readonly<Record<string, string>>,
  running: readonly AsyncDisposable[],
): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  process.once('SIGTERM', () => stop());
  process.once('SIGINT', () => stop());
  process.stdout.write(`${JSON.stringify(urls)}\n`);
  await stopped;
  for (const one of running) await one[Symbol.asyncDispose]();
}
