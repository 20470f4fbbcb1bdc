import { read } from 'node:fs';
import { promisify } from 'node:util';
import type { SharedFill } from '../../../src/content/filling/shared-fill.ts';

const readAt = promisify(read);

export interface FillReading {
  /** Not whole before the hash has spoken. */
  readonly isCautious?: boolean;
  /** Awaited before each piece is read: a slow reader. */
  readonly pause?: () => Promise<unknown>;
  readonly onRead?: (bytes: Uint8Array) => void;
}

/** Reads all of a fill as it grows, as the server does. Whoever was given it still has to leave it. */
export async function readFill(
  fill: SharedFill,
  { isCautious = false, pause, onRead }: FillReading = {},
): Promise<Buffer> {
  const whole = Buffer.alloc(fill.sizeBytes);
  let position = 0;
  while (position < whole.byteLength) {
    const grownTo = await fill.grownPast(position, isCautious);
    await pause?.();
    const { bytesRead } = await readAt(fill.fd, whole, position, grownTo - position, position);
    if (bytesRead === 0) throw new Error(`the file ended at ${position}, and could be read to ${grownTo}`);
    onRead?.(whole.subarray(position, position + bytesRead));
    position += bytesRead;
  }
  return whole;
}
