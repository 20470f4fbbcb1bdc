import type { Clock } from './clock.ts';

export interface Deadline {
  readonly clock: Clock;
  readonly ms: number;
  /** What the work's signal aborts with when it is over. */
  readonly reason: () => Error;
}

/** Runs work that is to end when its signal aborts, which it does after a while. */
export async function withinDeadline<T>(
  { clock, ms, reason }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const ended = new AbortController();
  const tooLate = clock.sleep(ms, ended.signal).then(
    () => deadline.abort(reason()),
    () => undefined,
  );
  try {
    return await work(deadline.signal);
  } finally {
    ended.abort();
    await tooLate;
  }
}
