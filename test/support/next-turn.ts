import { setImmediate } from 'node:timers/promises';

/** Until what was asked in this turn of the event loop is asked again. */
export async function nextTurn(): Promise<void> {
  await setImmediate();
}
