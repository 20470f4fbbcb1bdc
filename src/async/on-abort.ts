// An AbortSignal looks through all of its listeners whenever one comes or goes. Thousands of requests wait on the one
// signal of a run, so they share a listener.
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener`, a function made for this one purpose, when the signal aborts, unless what this returns was called
 * before. A signal that has aborted already calls nobody.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined || signal.aborted) return () => undefined;
  const listeners = waiting.get(signal) ?? listenTo(signal);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>();
  waiting.set(signal, listeners);
  signal.addEventListener('abort', () => listeners.forEach((listener) => listener()), { once: true });
  return listeners;
}
