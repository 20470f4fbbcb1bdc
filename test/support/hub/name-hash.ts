import { hash } from 'node:crypto';

/** A number from 0 to 2^32 - 1 that a name always has: the hub's variety is drawn by it, not by chance. */
export function nameHash(name: string): number {
  return Buffer.from(hash('sha256', name, 'buffer')).readUInt32BE(0);
}
