import { type Transform } from 'node:stream';
import { createGunzip, createGzip, createZstdDecompress } from 'node:zlib';

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** What undoes the compression of bytes that begin like this; `undefined` when they are not compressed. */
export function decompressorOf(head: Uint8Array): Transform | undefined {
  if (isGzip(head)) return createGunzip();
  const isZstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  return isZstd ? createZstdDecompress() : undefined;
}

/**
 * Says neither the time nor a name, and so makes the same of the same bytes. What a registry has of the same layer was
 * compressed by somebody else, and so has another digest; that of the bytes within, the diff ID, is the same.
 */
export function layerCompressor(): Transform {
  return createGzip({ level: 6 });
}
