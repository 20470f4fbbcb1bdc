/** The bytes that the parts have between two positions, as parts of them: nothing is copied. */
export function sliceParts(parts: readonly Uint8Array[], start: number, end = Infinity): readonly Uint8Array[] {
  const slice: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, part.byteLength)];
    if (from < to) slice.push(part.subarray(from, to));
    at += part.byteLength;
  }
  return slice;
}

export function sizeOfParts(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}
