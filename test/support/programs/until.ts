import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EVERY_MS = 5;

/** Asks again and again until the answer is yes; for what happens in other processes. The test's own limit ends it. */
export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(ASK_EVERY_MS);
}
