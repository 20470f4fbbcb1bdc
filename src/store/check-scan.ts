import { setImmediate } from 'node:timers/promises';
import type { Scan, ScanPage } from '../metadata/housekeeping.ts';

const ROWS_A_PAGE = 100;

/** All that a scan finds, letting others have their turn after each. Throws the signal's reason when it aborts. */
export async function* scanInTurns<T>(
  scan: (page: ScanPage) => Promise<Scan<T>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, undefined> {
  for (let after: string | undefined; ;) {
    const { found, next } = await scan({ after, limit: ROWS_A_PAGE });
    for (const item of found) {
      signal?.throwIfAborted();
      yield item;
      await setImmediate();
    }
    signal?.throwIfAborted();
    if (next === undefined) return;
    after = next;
  }
}
