import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sizeOfParts, sliceParts } from './parts.ts';

test('a slice of parts is the same as a slice of the whole, and shares its memory', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 6 }),
      fc.nat(30),
      fc.nat(30),
      (parts, start, end) => {
        const slice = sliceParts(parts, start, end);
        expect(Buffer.concat([...slice])).toEqual(Buffer.concat(parts).subarray(start, Math.max(start, end)));
        expect(slice.every((part) => parts.some(({ buffer }) => buffer === part.buffer))).toBe(true);
        expect(sizeOfParts(slice)).toBe(Buffer.concat([...slice]).byteLength);
      },
    ),
  );
});
