import { OciError } from '../oci/errors.ts';

/** The bytes from `startByte` up to, and not including, `endByte`. */
export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/** The range within a blob of so many bytes, the whole of it by default. Throws RANGE_INVALID when it does not lie in it. */
export function checkRange(sizeBytes: number, range?: ByteRange): ByteRange {
  const { startByte, endByte } = range ?? { startByte: 0, endByte: sizeBytes };
  const areWhole = Number.isSafeInteger(startByte) && Number.isSafeInteger(endByte);
  if (!areWhole || startByte < 0 || endByte < startByte || endByte > sizeBytes) {
    throw new OciError(
      'RANGE_INVALID',
      `the bytes ${startByte} to ${endByte} do not lie in a blob of ${sizeBytes} bytes`,
    );
  }
  return { startByte, endByte };
}
