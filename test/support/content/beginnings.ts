const MAX_BYTES = 120_000;
const TEXT = new Uint8Array(MAX_BYTES).map((_, index) => (index * 2_654_435_761) >>> 13);

/** So many bytes of a text that is always the same. */
export function beginningOf(lengthBytes: number): Uint8Array {
  return TEXT.subarray(0, lengthBytes);
}

/** Lengths of all kinds, the same for the same seed; 0 is among them. */
export function lengthsOf(seed: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => (index * 7919 + seed * index * 104_729) % MAX_BYTES);
}
